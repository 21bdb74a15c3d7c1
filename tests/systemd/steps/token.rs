//! The trust token is renewed.

use std::time::Duration;

use icloud_emulator::Channel;

use crate::scene::Scene;
use crate::terminal::Terminal;

pub(crate) fn renew(scene: &Scene) {
    let (guest, jane) = (&scene.guest, &scene.jane);
    // Signed in already, so the unit needs nobody, and has the trust prolonged.
    let (begin, before) = (guest.moment(), trust_expiry(scene));
    trust_longer(scene);
    let arrived = jane.apple.account().codes_arrived();
    guest.start_and_succeed("icps-token.service");
    let said = guest.messages("icps-token.service", &begin);
    for part in ["prolonged without a code", "session.json", "expires on"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(trust_expiry(scene) > before, "{before}");
    assert_eq!(jane.apple.account().codes_arrived(), arrived);

    // From scratch, as the journal advises when the token is about to expire.
    let before = trust_expiry(scene);
    trust_longer(scene);
    let arrived = jane.apple.account().codes_arrived();
    let command = format!("env {} icps token --refresh-token", jane.environment());
    let mut terminal = Terminal::run(guest, &command);
    terminal.wait_for("Password of");
    let password = jane.apple.account().options().password;
    terminal.type_line(&password);
    let code = jane.code(guest, arrived, Channel::Device);
    terminal.wait_for("Code: ");
    terminal.type_line(&code);
    let (status, shown) = terminal.finish();
    assert_eq!(status, Some(0), "{shown}");
    assert!(shown.contains("Signed in") && !shown.contains(&password), "{shown}");
    assert!(trust_expiry(scene) > before, "{before}");
    assert_eq!(guest.shell("stat --format='%U %a' /var/lib/icps/session.json"), "_icps 600");
    // What was written by hand is good for the service.
    guest.start_and_succeed("icps-sync.service");
}

/// Apple trusts for longer from now on, so that a new trust ends visibly later.
fn trust_longer(scene: &Scene) {
    scene.jane.apple.account().change(|account| account.lifetimes.trust += Duration::from_secs(86_400));
}

fn trust_expiry(scene: &Scene) -> String {
    let status: serde_json::Value = serde_json::from_str(&scene.guest.shell("icps status --json")).unwrap();
    status["trust_expires"].as_str().expect("the expiry is known").to_owned()
}
