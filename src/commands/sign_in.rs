//! Signing in, as every run does it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tracing::{info, warn};

use super::failure::Failure;
use super::occasion;
use super::run::{Run, blocking};
use crate::icloud::{
    Account, Client, ClientOptions, Credentials, Notice, PersonSource, SignInOptions, StateDir,
};
use crate::library::legacy_trust_token;
use crate::mfa::exchange::Exchange;
use crate::mfa::{Manners, Person};
use crate::report::{Service, duration};
use crate::settings::{AccountName, MfaPush, Settings, for_account};
use crate::{events, icloud};

/// The file of the state directory that holds the captured traffic.
const CAPTURE: &str = "network-capture.har";

/// Signs in with what the settings say, and a person if Apple wants one. `None` if the run was asked to stop.
pub(super) async fn sign_in(run: &Run) -> Result<Option<Account>, Failure> {
    run.service.status("Signing in");
    let (mut options, client) = prepare(run).await?;
    let person = person(run, options.by_person);
    options.person = Some(Arc::clone(&person));
    match run.until_stopped(icloud::sign_in(client, options, &mut *person())).await {
        Some(account) => Ok(Some(account?)),
        None => Ok(None),
    }
}

/// Whoever can be asked for a code.
fn person(run: &Run, attended: bool) -> PersonSource {
    let settings = &run.settings;
    let manners = Manners {
        push: settings.sign_in.mfa_push,
        attended,
        timeout: settings.sign_in.mfa_timeout,
        terminal: !settings.logging.silent,
        account: settings.account.clone(),
    };
    let exchange = Exchange::new(&settings.directories.runtime);
    let service = run.service.clone();
    Arc::new(move || {
        let service = service.clone();
        Box::new(Person::new(exchange.clone(), manners.clone(), move |text| service.status(text)))
    })
}

async fn prepare(run: &Run) -> Result<(SignInOptions, Client), Failure> {
    let Settings { sign_in, network, directories, library, .. } = &run.settings;
    let state = StateDir::open(&directories.state)?;
    let source = sign_in.credentials.clone();
    let username = blocking(move || source.username()).await?;
    let client_options = ClientOptions {
        region: sign_in.region,
        metadata_rate: network.metadata_rate,
        max_retries: network.max_retries,
        capture: network.capture.then(|| directories.state.join(CAPTURE)),
        ..ClientOptions::default()
    };
    let client = Client::new(client_options, state.session(&username)?)?;
    let trust_token = match &sign_in.trust_token {
        Some(token) => Some(token.clone()),
        // Those who come from the TypeScript program need no new code.
        None if state.overview()?.trust_expiry.is_none() => legacy_trust_token(&library.data_dir),
        None => None,
    };
    let source = sign_in.credentials.clone();
    let name = username.clone();
    let password = Arc::new(move || source.password(&name).map_err(|error| error.to_string()));
    let by_person = occasion::is_by_person(&directories.state);
    let asks_devices = match sign_in.mfa_push {
        MfaPush::Auto => by_person,
        MfaPush::Always => true,
        MfaPush::Never => false,
    };
    let options = SignInOptions {
        state,
        credentials: Credentials { username, password },
        by_person,
        approval: asks_devices.then_some(sign_in.mfa_timeout),
        person: None,
        refresh_token: sign_in.refresh_token,
        trust_token,
        legacy_login: sign_in.legacy,
        prolong_trust: run.name == "token",
        notice: listener(run.service.clone(), run.settings.account.clone()),
    };
    Ok((options, client))
}

fn listener(service: Service, account: Option<AccountName>) -> Arc<dyn Fn(&Notice) + Send + Sync> {
    Arc::new(move |notice| match notice {
        Notice::OtherSignIn => info!("Another process is signing in; waiting for it."),
        Notice::CodeLater(when) => {
            let left =
                duration(when.duration_since(Timestamp::now()).max(SignedDuration::ZERO).unsigned_abs());
            info!("Apple was asked for a code just now; it is asked for another one in {left}.");
        }
        Notice::ApprovalWanted { until, first } => {
            let text = format!(
                "Advanced Data Protection is on: approve the access to the photos on a trusted device, until {}",
                local(*until)
            );
            if *first {
                warn!(message_id = events::MFA_WANTED, "{text}.");
            }
            // Said again and again, since downloads that are still on their way say something else meanwhile.
            service.status(&text);
        }
        Notice::Approved => {
            info!("A trusted device approved the access to the photos, for about an hour.");
            service.status("The access to the photos is approved");
        }
        Notice::TrustExpires(when) => {
            let left = when.duration_since(Timestamp::now()).max(SignedDuration::ZERO).unsigned_abs();
            let text = format!(
                "The trust token expires in {}, on {}. Renew it with `icps token --refresh-token`.",
                duration(left),
                local(*when)
            );
            warn!(message_id = events::TOKEN_EXPIRES, "{}", for_account(account.as_ref(), text));
        }
        Notice::TrustProlonged => info!("Apple's trust was prolonged without a code."),
        Notice::TrustKept => {
            let text = "Apple did not prolong its trust, so the old one stays. `icps token --refresh-token` makes a \
                        new one, with a code.";
            warn!("{}", for_account(account.as_ref(), text.to_owned()));
        }
        Notice::OtherWorld(region) => warn!("The account lives in another region; set REGION to {region:?}."),
        Notice::LegacyLoginIsGone => {
            warn!("--legacy-login has no effect any more: Apple has switched off that way to sign in.");
        }
    })
}

/// A moment in local time.
pub(super) fn local(time: Timestamp) -> String {
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M %Z").to_string()
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::sync::Mutex;

    use tracing::field::{Field, Visit};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

    use super::*;

    /// Collects the identities of events.
    #[derive(Clone, Default)]
    struct Identities(Arc<Mutex<Vec<String>>>);

    impl Visit for Identities {
        fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}

        fn record_str(&mut self, field: &Field, value: &str) {
            if field.name() == "message_id" {
                self.0.lock().unwrap().push(value.to_owned());
            }
        }
    }

    impl<S: tracing::Subscriber> Layer<S> for Identities {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            event.record(&mut self.clone());
        }
    }

    #[test]
    fn what_a_person_should_do_has_its_identity_in_the_journal() {
        let heard = Identities::default();
        let subscriber = tracing_subscriber::registry().with(heard.clone());
        tracing::subscriber::with_default(subscriber, || {
            let hear = listener(Service::default(), None);
            hear(&Notice::TrustExpires(Timestamp::now()));
            hear(&Notice::ApprovalWanted { until: Timestamp::now(), first: true });
        });
        assert_eq!(*heard.0.lock().unwrap(), [events::TOKEN_EXPIRES, events::MFA_WANTED]);
    }
}
