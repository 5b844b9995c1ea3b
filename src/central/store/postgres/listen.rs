//! Hints between processes on one database, by `LISTEN` and `NOTIFY`, each with its sender's mark, since a process
//! hears its own, too. Whatever goes wrong here is no error: who listens also looks for changes now and then.

use super::PostgresSettings;
use deadpool_postgres::Pool;
use std::future::poll_fn;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{AsyncMessage, Client, Connection, Error, NoTls};

/// The channel's name.
const LISTEN: &str = "LISTEN egate_changes";
const NOTIFY: &str = "SELECT pg_notify('egate_changes', $1)";
/// How long is waited before the next connection.
const WAIT: Duration = Duration::from_secs(5);

/// Tells the others, once.
pub(super) async fn tell(pool: Pool, mark: String) {
    if let Ok(client) = pool.get().await
        && let Err(error) = client.execute(NOTIFY, &[&mark]).await
    {
        tracing::debug!(%error, "no hint to the other processes");
    }
}

/// Listens until the runtime ends, for marks other than one's own.
pub(super) async fn listen(settings: PostgresSettings, own: String, heard: Box<dyn Fn() + Send + Sync>) {
    let Ok((config, tls)) = settings.resolve() else { return };
    loop {
        let ended = match &tls {
            Some(tls) => match config.connect(tls.clone()).await {
                Ok((client, connection)) => attend(client, connection, &own, &*heard).await,
                Err(error) => Err(error),
            },
            None => match config.connect(NoTls).await {
                Ok((client, connection)) => attend(client, connection, &own, &*heard).await,
                Err(error) => Err(error),
            },
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "no hints from the other processes");
        }
        tokio::time::sleep(WAIT).await;
    }
}

/// Until the connection ends.
async fn attend<S, T>(
    client: Client,
    mut connection: Connection<S, T>,
    own: &str,
    heard: &(dyn Fn() + Send + Sync),
) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let ask = client.batch_execute(LISTEN);
    let hear = async {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(said) = message?
                && said.payload() != own
            {
                heard();
            }
        }
        Ok(())
    };
    // The connection must be driven for the question to be answered.
    let (asked, heard) = tokio::join!(ask, hear);
    asked.and(heard)
}
