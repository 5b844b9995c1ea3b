//! Bytes under their SHA-256, for lanes to fetch: snapshots of lists, files of releases. In pieces, so that no
//! statement and no call carries much. Any central process can give what another stored.

use super::sql::values;
use super::{Store, StoreError};
use crate::record::{CONTENT_PIECE, content_hash};

/// Pieces of one content at most.
const PIECES_MOST: usize = 2_000;

impl Store {
    /// Stores bytes; gives their SHA-256, hexadecimal. What is there already is left as it is. The last piece is
    /// shorter than the others, and may be empty; the first is written last, so that where it is all are.
    pub fn put_content(&self, bytes: &[u8]) -> Result<String, StoreError> {
        let name = content_hash(bytes);
        if self.content_piece(&name, 0)?.is_some() {
            return Ok(name);
        }
        let whole = bytes.len() / CONTENT_PIECE;
        for piece in (0..=whole).rev() {
            let body = bytes.chunks(CONTENT_PIECE).nth(piece).unwrap_or_default();
            let body = openssl::base64::encode_block(body);
            self.write(|sql| {
                let text =
                    "INSERT INTO contents (sha256, piece, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
                sql.execute(text, values![&name, piece, &body])?;
                Ok(())
            })?;
        }
        Ok(name)
    }

    /// One piece of a content, from 0; all but the last have [`CONTENT_PIECE`] bytes.
    pub fn content_piece(&self, sha256: &str, piece: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let text = "SELECT body FROM contents WHERE sha256 = $1 AND piece = $2";
        let body =
            self.read(|sql| sql.first(text, values![sha256, piece])?.map(|mut row| row.text()).transpose())?;
        let damaged = |_| StoreError::Damaged(format!("content {sha256}"));
        body.map(|body| openssl::base64::decode_block(&body).map_err(damaged)).transpose()
    }

    /// A whole content.
    pub fn content(&self, sha256: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut bytes = Vec::new();
        for piece in 0..PIECES_MOST {
            let Some(more) = self.content_piece(sha256, piece)? else { return Ok(None) };
            bytes.extend_from_slice(&more);
            if more.len() < CONTENT_PIECE {
                let right = content_hash(&bytes) == sha256;
                return if right {
                    Ok(Some(bytes))
                } else {
                    Err(StoreError::Damaged(format!("content {sha256}")))
                };
            }
        }
        Err(StoreError::Damaged(format!("content {sha256} has no end")))
    }

    /// Removes a content that nothing names any more.
    pub(super) fn drop_content(&self, sha256: &str) -> Result<(), StoreError> {
        self.write(|sql| {
            sql.execute("DELETE FROM contents WHERE sha256 = $1", values![sha256])?;
            Ok(())
        })
    }
}
