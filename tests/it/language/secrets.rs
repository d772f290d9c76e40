//! A secret has no place in a runbook, and what stands where one should be pointed to is not shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stanch::plan::{Catalogue, Class, Spec, lint};
use stanch::runbook::{NoLibrary, RunbookSource};

/// Parameters as an action has them that needs a secret of its own.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the fields are described, not read")]
struct Parameters {
    /// Who signs in.
    user: String,
    /// Points to the password.
    #[schemars(extend("x-secret-reference" = true))]
    password: String,
}

#[derive(Serialize, JsonSchema)]
struct Outputs {}

fn said(password: &str) -> String {
    let spec = Spec::of::<Parameters, Outputs>("database/sign_in", Class::Read, "signs in", "signs in again");
    let catalogue = Catalogue::from([(spec.name, spec)]);
    let text = format!(
        "schema: stanch/v1\nname: secret\nsteps:\n  - id: sign_in\n    uses: database/sign_in\n    with:\n      user: \
         admin\n      password: {password}\n# also known as correct-horse-battery\n"
    );
    lint(&RunbookSource { name: "secret", text: &text, library: &NoLibrary }, &catalogue).diagnostics.render()
}

#[test]
fn a_pointer_to_a_secret_is_taken_and_a_secret_is_not() {
    for pointer in [
        "env:PGPASSWORD",
        "file:/run/secrets/pg",
        "\"@Microsoft.KeyVault(SecretUri=https://kv-ops.vault.azure.net/secrets/pg)\"",
        "\"env:${{ run.mode }}_PASSWORD\"",
        "${{ run.id }}",
    ] {
        assert_eq!(said(pointer), "", "{pointer}");
    }
    for secret in [
        "correct-horse-battery",
        "\"correct-horse-battery\"",
        "'correct-horse-battery'",
        "\"correct-horse-b\\u0061ttery\"",
        "|\n        correct-horse-battery",
    ] {
        let said = said(secret);
        assert!(said.contains("error: a secret stands in `password` of `database/sign_in`"), "{said}");
        assert!(said.contains("help: point to it"), "{said}");
        assert!(!said.contains("horse"), "{said}");
    }
    let said = said("\"correct-horse-battery ${{ run.id }}\"");
    assert!(said.contains("must point to a secret"), "{said}");
}

#[test]
fn well_known_credentials_are_found_wherever_they_stand() {
    let made = [
        ("a private key", "-----BEGIN OPENSSH PRIVATE KEY-----".to_owned()),
        ("a GitHub token", format!("ghp_{}", "a1B2".repeat(9))),
        ("a GitLab token", format!("glpat-{}", "a1B2".repeat(5))),
        ("a Stripe key", format!("sk_live_{}", "a1B2".repeat(6))),
        ("a Slack token", format!("xoxb-{}", "1234-".repeat(4))),
        ("a Slack webhook", format!("https://hooks.slack.com/services/T0/B0/{}", "a1B2".repeat(6))),
        ("a Google key", format!("AIza{}", "a1B2c".repeat(7))),
        ("an npm token", format!("npm_{}", "a1B2".repeat(9))),
        ("a SendGrid key", format!("SG.{}.{}", "a1B2".repeat(5), "a1B2".repeat(10))),
        ("a client secret of Entra", format!("a1B8Q~{}", "a1B2".repeat(8))),
        ("an Azure key", format!("{}ab==", "a1B2".repeat(21))),
        ("an Azure shared access signature", format!("https://x.blob.core.windows.net/?sv=1&sig={}", "a1B2".repeat(9))),
        ("a JSON web token", format!("eyJ{0}.eyJ{0}.{0}", "a1B2".repeat(4))),
        ("an AWS access key", format!("AKIA{}", "ABCD".repeat(4))),
        ("a password in a connection string", "AccountKey=c29tZXRoaW5n".to_owned()),
        ("a password in a URL", "postgres://app:s3cr3t@db.contoso.com/orders".to_owned()),
    ];
    for (what, text) in made {
        for runbook in [
            format!(
                "schema: stanch/v1\nname: found\nsteps:\n  - {{ id: a, uses: wait, with: {{ for: \"{text}\" }} }}\n"
            ),
            format!(
                "schema: stanch/v1\nname: found\n# {text}\nsteps:\n  - {{ id: a, uses: wait, with: {{ for: 1s }} }}\n"
            ),
            format!("schema: stanch/v1\nname: found\nsteps: [ \"{text}\n"),
        ] {
            let source = RunbookSource { name: "found", text: &runbook, library: &NoLibrary };
            let said = lint(&source, &stanch::actions::catalogue()).diagnostics.render();
            assert!(said.contains(&format!("this looks like {what}")), "{what} is not found in {runbook}\n{said}");
            for piece in ["a1B2a1B2", "ABCDABCD", "c29tZXRoaW5n", "s3cr3t", "1234-1234"] {
                assert!(!said.contains(piece), "{piece} is shown:\n{said}");
            }
        }
    }
}
