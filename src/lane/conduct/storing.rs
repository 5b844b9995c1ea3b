//! Makes an outcome durable: seals its pictures, appends it to the outbox, and tells the passage whether it is there.

use super::{Conduct, Current};
use crate::lane::inputs::{Input, PortraitPicture};
use crate::lane::threads::Message;
use crate::passage::{Outcome, Picture};
use crate::record::wire::PICTURE_BYTES_MOST;
use crate::record::{PictureLabel, SealedPicture, SealingPublicKey};
use anyhow::Context;
use std::sync::PoisonError;

/// Bytes by which sealing makes a picture longer, generously.
const SEALING_ADDS_MOST: usize = 1024;

impl Conduct {
    /// Seals the pictures, appends the outcome, tells the passage whether it is durable.
    pub(super) fn store(&self, current: &Current, mut outcome: Box<Outcome>) {
        outcome.commands = self.lane.orders.unrecorded();
        let orders = self.lane.orders.clone();
        let pictures: Vec<(Picture, PortraitPicture)> = outcome
            .pictures
            .iter()
            .filter_map(|picture| Some((*picture, self.picture(current, *picture)?)))
            // A picture that central would refuse must not cost the record.
            .filter(|(_, kept)| kept.bytes.len() + SEALING_ADDS_MOST <= PICTURE_BYTES_MOST)
            .collect();
        let (outbox, appended) = (self.lane.outbox.clone(), self.lane.appended.clone());
        let (sealing, profile) = (self.lane.sealing.clone(), self.lane.profile.name.clone());
        let (inputs, faculties, number) = (self.inputs.clone(), self.lane.faculties.clone(), current.number);
        tokio::task::spawn_blocking(move || {
            let stored = seal(&sealing, &outcome, pictures).and_then(|sealed| {
                let mut outbox = outbox.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(outbox.append(&outcome, &sealed, &profile)?)
            });
            if stored.is_ok() {
                orders.recorded(&outcome.commands);
            }
            if let Err(error) = &stored {
                tracing::error!(%error, "the outcome could not be made durable");
            }
            appended.notify_one();
            let message = Message::new(Some(number), Input::Stored(stored.is_ok()), &faculties);
            // A lane that is gone opens nothing.
            let _ = inputs.blocking_send(message);
        });
    }

    fn picture(&self, current: &Current, picture: Picture) -> Option<PortraitPicture> {
        match picture {
            Picture::Portrait => current.portrait.clone(),
            Picture::Frame(sequence) => {
                let bytes = current.frames.jpeg(sequence)?;
                Some(PortraitPicture { media: "image/jpeg".to_owned(), bytes })
            }
        }
    }
}

fn seal(
    key: &SealingPublicKey,
    outcome: &Outcome,
    pictures: Vec<(Picture, PortraitPicture)>,
) -> anyhow::Result<Vec<SealedPicture>> {
    pictures
        .into_iter()
        .map(|(picture, kept)| {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).context("no random bytes")?;
            let label = PictureLabel { passage: &outcome.passage.0, role: picture.role() };
            let sealed = key.seal(label, &kept.bytes, seed)?;
            Ok(SealedPicture::new(picture, kept.media, sealed))
        })
        .collect()
}
