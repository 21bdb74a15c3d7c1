//! `icps mfa`: hands a code to the run that waits for one.

use secrecy::ExposeSecret;

use super::failure::Failure;
use super::output::print;
use crate::mfa::exchange::{Answer, Error, Exchange, Method, Request, Wish};
use crate::settings::{MfaCommand, Settings, for_account};

/// Hands over a code or the wish for one, or says who waits for what.
pub(super) fn run(settings: &Settings, command: MfaCommand) -> Result<(), Failure> {
    let exchange = Exchange::new(&settings.directories.runtime);
    let waiting = exchange.waiting()?;
    let account = settings.account.as_ref();
    match command {
        MfaCommand::Status => {
            print(for_account(account, describe(waiting.as_ref())));
            return Ok(());
        }
        MfaCommand::Code(text) => {
            let request = waiting.ok_or(Error::NobodyWaits)?;
            exchange.answer(&Answer::Code(request.code(text.expose_secret())?))?;
            let text = "The code was handed over; `icps mfa status` says so if another one is needed.";
            print(for_account(account, text.to_owned()));
        }
        MfaCommand::Resend { method, phone } => {
            let request = waiting.ok_or(Error::NobodyWaits)?;
            let method = match method.as_str() {
                "sms" => Method::Sms,
                "voice" => Method::Voice,
                _ => Method::Device,
            };
            exchange.answer(&Answer::Resend(request.resolve(Wish { method, phone })?))?;
            print("The waiting run was told to ask Apple for a code.");
        }
    }
    Ok(())
}

/// Says what a run waits for.
pub(super) fn describe(waiting: Option<&Request>) -> String {
    let Some(request) = waiting else { return "Nobody waits for a code.".to_owned() };
    let mut lines = vec![format!(
        "Process {} waits for a code of {} digits until {:.0}.",
        request.pid, request.digits, request.until
    )];
    lines.push(match request.asked {
        Some(Wish { method, phone: Some(phone) }) => {
            format!("Apple was asked for it: {} {phone}.", name(method))
        }
        Some(Wish { method, phone: None }) => format!("Apple was asked for it: {}.", name(method)),
        None => "Apple was not asked for one yet: `icps mfa resend device`.".to_owned(),
    });
    let methods: Vec<_> = request.methods.iter().map(|method| name(*method)).collect();
    lines.push(format!("Ways to get one: {}.", methods.join(", ")));
    for phone in &request.phones {
        lines.push(format!("Phone {}: {}", phone.id, phone.number));
    }
    if let Some(error) = &request.last_error {
        lines.push(format!("Last answer: {error}"));
    }
    lines.join("\n")
}

fn name(method: Method) -> &'static str {
    match method {
        Method::Device => "device",
        Method::Sms => "sms",
        Method::Voice => "voice",
    }
}
