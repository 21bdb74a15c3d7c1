//! The environment's proxy and certificates lead the client, as behind a company's proxy.

use std::process::Command;

use icps::icloud::{ClientOptions, Route};

use crate::support::{Act, World};

/// Tells the inner test where the emulator is; it is this very test, run again with another environment.
const INNER: &str = "ICPS_TEST_INNER";

#[test]
fn proxy_and_certificates_are_the_environments() {
    if std::env::var_os(INNER).is_some() {
        return inner();
    }
    let world = World::new(|_| {});
    for (with_certificates, expected) in [(true, "Refused"), (false, "Network")] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "environment::proxy_and_certificates_are_the_environments", "--nocapture"]);
        command.env(INNER, "1").envs(world.emulator.environment());
        if !with_certificates {
            command.env_remove("SSL_CERT_FILE");
        }
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(expected), "{text}");
    }
    assert_eq!(world.costs(), [1, 0, 0], "it reached the emulator with the certificates, and only then");
}

/// Says how a sign-in ends that has nothing but the environment to go by.
#[allow(clippy::print_stdout, reason = "the outer test reads it")]
fn inner() {
    let world = World { password: "wrong", ..World::new(|_| {}) };
    let options = ClientOptions { route: Route::default(), ..world.client_options() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let outcome = runtime.block_on(world.sign_in_with(options, &mut world.person([] as [Act; 0])));
    println!("{outcome:?}");
}
