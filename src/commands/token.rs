//! `icps token`: signs in, so that the runs to come need no person.

use secrecy::ExposeSecret;

use super::failure::Failure;
use super::output::print;
use super::run::{Ending, Run};
use super::sign_in::{local, sign_in};
use crate::exit::Exit;
use crate::icloud::StateDir;

/// Signs in and says where the trust token is and until when it is valid.
pub(super) async fn story(run: &Run, print_token: bool) -> Result<Ending, Failure> {
    let Some(account) = sign_in(run).await? else { return Ok(Ending::stopped("not signed in")) };
    account.persist().await?;
    let state = &run.settings.directories.state;
    if print_token {
        match StateDir::open(state)?.trust_token()? {
            Some(token) => print(token.expose_secret()),
            None => return Ok(Ending::new(Exit::Warnings, "Signed in, but Apple gave no trust token.")),
        }
    }
    let until = match account.trust_expiry() {
        Some(time) => format!("expires on {}", local(time)),
        None => "expires at a time that Apple does not tell".to_owned(),
    };
    let place = state.join("session.json");
    Ok(Ending::new(Exit::Done, format!("Signed in. The trust token is in {} and {until}.", place.display())))
}
