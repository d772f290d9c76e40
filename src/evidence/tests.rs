//! The table of all combinations: what the vault said × what the issuer said × for one secret or for each of a list.

use super::{AtIssuer, AtVault, State, verdict};
use super::{Consumer, Consumers, Evidence, LeakedValue, LeftToPerson, PinnedSetting, StepEvidence, Works};
use crate::audit::{Access, BlastRadius, Coverage, SecondOrder, Window};
use crate::clock;
use crate::engine::StepStatus::{self, Done, Failed, Pending, Running, Skipped, Waiting};
use crate::engine::event::SettledBy;
use crate::plan::Aim;

fn step(name: &str, aim: Aim, status: StepStatus) -> Evidence {
    let because = (status == Failed).then(|| "the vault answered 503".to_owned());
    Evidence::Step(StepEvidence { step: name.to_owned(), aim, status, because, over_nothing: false })
}

/// What the vault's part of a run came to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Vault {
    Nothing,
    Rotated,
    Disabling,
    Disabled,
    ProofMissesOne,
    Refused,
}

/// What the issuer's part came to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Issuer {
    /// Nothing names one.
    Assumed,
    /// The vault is named.
    Vault,
    /// Another is named, and no step of the runbook asks it.
    NamedAlone,
    NotYet,
    Refused,
    Accepted,
    NotProven,
    /// It took the value first, and refused it later.
    AcceptedThenRefused,
}

const VAULTS: [Vault; 6] =
    [Vault::Nothing, Vault::Rotated, Vault::Disabling, Vault::Disabled, Vault::ProofMissesOne, Vault::Refused];
const ISSUERS: [Issuer; 8] = [
    Issuer::Assumed,
    Issuer::Vault,
    Issuer::NamedAlone,
    Issuer::NotYet,
    Issuer::Refused,
    Issuer::Accepted,
    Issuer::NotProven,
    Issuer::AcceptedThenRefused,
];

/// The evidence of one secret. `item` stands behind the names of its steps and versions.
fn of(vault: Vault, issuer: Issuer, item: &str) -> Vec<Evidence> {
    let (first, second) = (format!("old-1{item}"), format!("old-2{item}"));
    let name = |step: &str| format!("{step}{item}");
    let published = Evidence::Published { version: format!("new{item}"), by: SettledBy::Answer };
    let disabled = |version: &String| Evidence::Disabled { version: version.clone(), by: SettledBy::Answer };
    let refused = |version: &String| Evidence::RefusedByVault {
        version: version.clone(),
        answer: "403 SecretDisabled".to_owned(),
        request_id: "id".to_owned(),
    };
    let to_disable = Evidence::ToDisable { versions: vec![first.clone(), second.clone()] };
    let (mut found, rotate, disable, prove) = match vault {
        Vault::Nothing => (vec![], Failed, Pending, Pending),
        Vault::Rotated => (vec![published], Done, Pending, Pending),
        Vault::Disabling => (vec![published, to_disable, disabled(&first)], Done, Failed, Pending),
        Vault::Disabled => (vec![published, to_disable, disabled(&first), disabled(&second)], Done, Done, Running),
        Vault::ProofMissesOne => {
            (vec![published, to_disable, disabled(&first), disabled(&second), refused(&first)], Done, Done, Failed)
        }
        Vault::Refused => (
            vec![published, to_disable, disabled(&first), disabled(&second), refused(&first), refused(&second)],
            Done,
            Done,
            Done,
        ),
    };
    found.push(step(&name("rotate"), Aim::Rotate, rotate));
    found.push(step(&name("revoke"), Aim::DisableOld, disable));
    found.push(step(&name("prove"), Aim::ProveAtVault, prove));
    let (issuer_name, version) = ("postgres".to_owned(), second);
    let (how, answer) = ("a login".to_owned(), "28P01".to_owned());
    let named = |issuer: &str, assumed| Evidence::IssuerNamed {
        issuer: issuer.to_owned(),
        is_vault: issuer == "random",
        assumed,
        replaced: version.clone(),
    };
    let accepted = Evidence::AcceptedByIssuer {
        version: version.clone(),
        issuer: issuer_name.clone(),
        how: how.clone(),
        answer: "connected".to_owned(),
    };
    let refused = Evidence::RefusedByIssuer { version: version.clone(), issuer: issuer_name, how, answer };
    let not_proven =
        Evidence::NotProvenAtIssuer { version: version.clone(), because: "postgres: no route to it".to_owned() };
    let proving = |status| step(&name("prove_dead"), Aim::ProveAtIssuer, status);
    if vault != Vault::Nothing {
        found.extend(match issuer {
            Issuer::Assumed => vec![named("random", true)],
            Issuer::Vault => vec![named("random", false)],
            _ => vec![named("postgres", false)],
        });
        found.extend(match issuer {
            Issuer::Assumed | Issuer::Vault | Issuer::NamedAlone | Issuer::NotYet => vec![],
            Issuer::Refused => vec![refused],
            Issuer::Accepted => vec![accepted],
            Issuer::NotProven => vec![not_proven],
            Issuer::AcceptedThenRefused => vec![accepted, refused],
        });
    }
    match issuer {
        Issuer::NamedAlone => {}
        Issuer::NotYet => found.push(proving(Pending)),
        Issuer::Accepted => found.push(proving(Failed)),
        _ => found.push(proving(Done)),
    }
    found
}

fn expected(vault: Vault, issuer: Issuer) -> State {
    match (vault, issuer) {
        (Vault::Nothing, _) => State::NotContained,
        (_, Issuer::Accepted) => State::NotContained,
        (Vault::Refused, Issuer::Assumed | Issuer::Vault | Issuer::Refused | Issuer::AcceptedThenRefused) => {
            State::Contained
        }
        (Vault::Refused, _) => State::NotProven,
        (Vault::Disabled | Vault::ProofMissesOne, _) => State::NotProven,
        (Vault::Rotated | Vault::Disabling, Issuer::Refused | Issuer::AcceptedThenRefused) => State::NotProven,
        (Vault::Rotated | Vault::Disabling, _) => State::NotContained,
    }
}

#[test]
fn one_secret() {
    for vault in VAULTS {
        for issuer in ISSUERS {
            let verdict = verdict(&of(vault, issuer, ""));
            assert_eq!(verdict.state, expected(vault, issuer), "{vault:?}, {issuer:?}: {verdict:?}");
            assert!(!verdict.because.is_empty(), "{vault:?}, {issuer:?}");
            assert!(
                verdict.state == State::Contained || !verdict.open.is_empty(),
                "{vault:?}, {issuer:?}: {verdict:?}"
            );
        }
    }
}

/// The better of a run's secrets never hide the worst of them.
#[test]
fn one_of_many_secrets_is_open() {
    let rank = |state| match state {
        State::NotContained => 0,
        State::NotProven => 1,
        State::Contained | State::NotApplicable => 2,
    };
    for vault in VAULTS {
        for issuer in ISSUERS {
            let mut evidence = of(Vault::Refused, Issuer::Refused, "[0]");
            evidence.extend(of(vault, issuer, "[1]"));
            evidence.extend(of(Vault::Refused, Issuer::Vault, "[2]"));
            let verdict = verdict(&evidence);
            let alone = expected(vault, issuer);
            // One that was refused at its issuer says nothing of another that was never asked.
            assert!(rank(verdict.state) <= rank(alone).max(1), "{vault:?}, {issuer:?}: {verdict:?}");
            assert_eq!(verdict.state == State::Contained, alone == State::Contained, "{vault:?}, {issuer:?}");
        }
    }
}

#[test]
fn a_run_that_takes_nothing_away_or_had_nothing_to_work_on_has_no_verdict() {
    assert_eq!(verdict(&[] as &[Evidence]).state, State::NotApplicable);
    let told = [step("page", Aim::Tell, Done), step("blast_radius", Aim::BlastRadius, Done)];
    assert_eq!(verdict(&told).state, State::NotApplicable);
    let nothing = |name: &str, aim| {
        let step = StepEvidence { step: name.to_owned(), aim, status: Done, because: None, over_nothing: true };
        Evidence::Step(step)
    };
    let empty =
        [nothing("rotate", Aim::Rotate), nothing("revoke", Aim::DisableOld), nothing("prove", Aim::ProveAtVault)];
    assert_eq!(verdict(&empty).state, State::NotApplicable);
    assert_eq!(verdict(&empty).because, ["no secret was there to work on"]);

    // Nothing was there for the program to do, and all of it for a person.
    let (secret, because) = ("https://v.vault.azure.net/secrets/s".to_owned(), "issued elsewhere".to_owned());
    let left = empty.into_iter().chain([Evidence::LeftToPerson(LeftToPerson { secret, because })]);
    let verdict = verdict(&left.collect::<Vec<_>>());
    assert_eq!(verdict.state, State::NotContained);
    assert!(verdict.open.iter().any(|open| open.contains("was left as it is: issued elsewhere")), "{:?}", verdict.open);
}

/// An item that was passed over was not contained.
#[test]
fn a_step_that_was_skipped_is_no_proof() {
    let mut evidence = of(Vault::Refused, Issuer::Vault, "[0]");
    evidence.extend([
        step("rotate[1]", Aim::Rotate, Failed),
        step("revoke[1]", Aim::DisableOld, Skipped),
        step("prove[1]", Aim::ProveAtVault, Skipped),
    ]);
    let verdict = verdict(&evidence);
    assert_eq!(verdict.state, State::NotContained, "{verdict:?}");
    assert!(verdict.open.iter().any(|open| open.contains("`rotate[1]` failed: the vault answered 503")), "{verdict:?}");
}

fn radius(unknown: bool, horizon: bool) -> BlastRadius {
    let now = clock::now();
    let row = |secret: &str, succeeded| SecondOrder {
        oid: "oid".to_owned(),
        secret: secret.to_owned(),
        operation: "SecretGet".to_owned(),
        count: 2,
        first: String::new(),
        last: String::new(),
        vault: "kv-prod".to_owned(),
        succeeded,
        command: String::new(),
    };
    BlastRadius {
        secret: "orders-db".to_owned(),
        window: Window { since: now, until: now },
        accesses: Vec::<Access>::new(),
        unknown_callers: if unknown { vec!["oid".to_owned()] } else { Vec::new() },
        second_order: if unknown { vec![row("smtp", 1), row("refused-one", 0)] } else { Vec::new() },
        findings: Vec::new(),
        coverage: Coverage { horizon: horizon.then_some(now), ..Coverage::default() },
    }
}

#[test]
fn only_what_is_good_in_every_part_is_good() {
    let mut evidence = of(Vault::Refused, Issuer::Refused, "");
    let blind = verdict(&evidence);
    assert!(!blind.is_good() && blind.open[0].contains("no audit trail was read"), "{blind:?}");
    evidence.push(Evidence::Accesses(Box::new(radius(false, true))));
    let good = verdict(&evidence);
    assert!(good.is_good() && good.open.is_empty(), "{good:?}");
    let with = |more: Evidence| {
        let mut evidence = evidence.clone();
        evidence.push(more);
        verdict(&evidence)
    };
    let laggard = Consumer { name: "reports".to_owned(), ..Consumer::default() };
    let adoption = Consumers { pinned: vec![laggard.clone()], ..Consumers::default() };
    let behind = Consumers { left_behind: vec![laggard], ..Consumers::default() };
    let setting = PinnedSetting { site: "shop".to_owned(), setting: "Db".to_owned(), ..PinnedSetting::default() };
    for (more, said) in [
        (Evidence::Accesses(Box::new(radius(true, true))), "an unrecognised caller also read `kv-prod/smtp`"),
        (Evidence::Accesses(Box::new(radius(false, false))), "who read the secret is not known"),
        (
            Evidence::AccessesNotKnown { because: "the archive cannot be read".to_owned(), looked: None },
            "the archive cannot be read",
        ),
        (Evidence::Adopted(adoption), "reports is pinned to an old version: it can no longer read the secret"),
        (Evidence::Adopted(behind), "reports was last seen on an old version"),
        (Evidence::Pinned(setting), "the setting `Db` of shop is pinned"),
        (
            Evidence::InDoubt { step: "rotate".to_owned(), summary: "new version".to_owned() },
            "new version (step `rotate`)",
        ),
    ] {
        let verdict = with(more);
        assert_eq!(verdict.state, State::Contained);
        assert!(!verdict.is_good() && verdict.open.iter().any(|open| open.contains(said)), "{said}: {verdict:?}");
        assert!(!verdict.open.iter().any(|open| open.contains("refused-one")), "what was refused did not leak");
    }
}

fn leaked(evidence: &[Evidence]) -> LeakedValue {
    LeakedValue::of(evidence, false, false).unwrap()
}

#[test]
fn the_line_about_the_leaked_value_names_what_ends_it_and_where_it_works() {
    let plan = |disable, prove| {
        vec![
            step("rotate", Aim::Rotate, Done),
            step("approve", Aim::Gate, Done),
            step("retire", Aim::RevokeAtIssuer, Done),
            step("revoke", Aim::DisableOld, disable),
            step("prove", Aim::ProveAtVault, prove),
        ]
    };
    // The vault issued it: what is done at an issuer ends nothing.
    let named = |issuer: &str, assumed| Evidence::IssuerNamed {
        issuer: issuer.to_owned(),
        is_vault: issuer == "random",
        assumed,
        replaced: "old".to_owned(),
    };
    let published = Evidence::Published { version: "new".to_owned(), by: SettledBy::Answer };
    let mut evidence = plan(Pending, Pending);
    evidence.extend([published.clone(), named("random", true)]);
    assert_eq!(leaked(&evidence).to_string(), "leaked value: ACTIVE; the vault still gives it out until `revoke`");
    evidence[1] = step("approve", Aim::Gate, Waiting);
    assert!(leaked(&evidence).to_string().ends_with("until `revoke` (waits for `approve`)"));
    // Proven at the vault, and nobody else was asked.
    let assumed = of(Vault::Refused, Issuer::Assumed, "");
    let line = leaked(&assumed);
    assert_eq!(line.works, Works::NotKnown);
    assert!(line.to_string().contains("issuer unknown"), "{line}");
    assert_eq!(leaked(&of(Vault::Refused, Issuer::Vault, "")).works, Works::No);
    assert_eq!(leaked(&of(Vault::Refused, Issuer::Refused, "")).works, Works::No);
    // A second resume after a done proof must not send anyone back to a step that is done.
    for issuer in ISSUERS {
        let line = leaked(&of(Vault::Refused, issuer, ""));
        assert!(line.until.is_none() || line.until.as_deref() == Some("prove_dead"), "{issuer:?}: {line}");
    }
    // Another issuer: the first of the steps that end it.
    let mut evidence = plan(Pending, Pending);
    evidence[2] = step("retire", Aim::RevokeAtIssuer, Pending);
    evidence.extend([published, named("postgres", false)]);
    assert_eq!(leaked(&evidence).to_string(), "leaked value: ACTIVE until `retire`");
    assert_eq!(leaked(&of(Vault::Refused, Issuer::Accepted, "")).works, Works::Yes);
    let at_work = of(Vault::Rotated, Issuer::Refused, "");
    assert_eq!(
        leaked(&at_work).to_string(),
        "leaked value: DEAD; refused by its issuer, given out by the vault until `revoke`"
    );
    assert_eq!(verdict(&at_work).parts.at_vault, AtVault::Readable);
    assert_eq!(verdict(&at_work).parts.at_issuer, AtIssuer::Refused);
}
