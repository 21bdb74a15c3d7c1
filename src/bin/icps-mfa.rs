//! The receiver of codes; systemd starts it when somebody connects to its socket.

use icps::exit::Exit;
use icps::receiver;
use tracing::Level;

fn main() -> std::process::ExitCode {
    // The journal adds the time, and keeps what goes to standard error.
    tracing_subscriber::fmt()
        .with_max_level(Level::INFO)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .init();
    match receiver::run() {
        Ok(()) => Exit::Done.into(),
        Err(error) => {
            tracing::error!("{error}.");
            match error {
                receiver::Error::Socket(_) => Exit::Failed.into(),
                receiver::Error::NoSocket | receiver::Error::NoDirectory => Exit::Config.into(),
            }
        }
    }
}
