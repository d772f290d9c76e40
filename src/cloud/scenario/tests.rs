use super::{DEFAULT, ReadMode, SCHEMA, Scenario};
use serde_json::json;
use std::time::Duration;

const SMALL: &str = "\
schema: stanch-scenario/v1
name: small
summary: one secret, one reader
vault: kv-drill
secret: orders-db
secrets:
  - { name: orders-db, versions: [{ age: 2d }] }
  - { name: smtp-relay, versions: [{ age: 1d }] }
consumers:
  - { name: orders-api, reads: latest, refresh: 300ms }
attackers:
  - { name: intruder, reads: 2, every: 1s, also: [smtp-relay] }
faults: []
exposure: 6h
";

/// The small scenario with one text in place of another; both must be found to be sure that something is tested.
fn changed(from: &str, to: &str) -> Result<Scenario, String> {
    assert!(SMALL.contains(from), "{from}");
    Scenario::parse(&SMALL.replacen(from, to, 1))
}

#[test]
fn the_built_in_scenarios_pass_the_checks_and_fit_in_twenty_seconds() {
    let names: Vec<&str> = Scenario::builtin_names().collect();
    let issued = ["storage-account-key", "entra-app-secret", "third-party-api-key"];
    for known in ["leaked-secret", "quiet", "leaked-string", "open-vault", "database-credential"].iter().chain(&issued)
    {
        assert!(names.contains(known), "{known}");
    }
    for name in names {
        let scenario = Scenario::builtin(name).unwrap();
        assert_eq!(scenario.name(), name);
        assert!(Scenario::builtin_text(name).unwrap().contains(SCHEMA));
        assert!(scenario.consumers().iter().all(|consumer| consumer.refresh <= Duration::from_secs(2)));
        assert!(scenario.targets().rotated_within.is_some_and(|target| target < Duration::from_secs(20)));
        assert_eq!(scenario.targets().killed_within.is_some(), issued.contains(&scenario.name()));
    }
}

#[test]
fn the_default_scenario_says_what_its_file_says() {
    let scenario = Scenario::builtin(DEFAULT).unwrap();
    assert_eq!(scenario.vault_host(), "kv-drill.vault.azure.net");
    assert_eq!(scenario.secret(), "orders-db");
    assert_eq!(scenario.exposure(), Duration::from_secs(6 * 3600));
    let leaked = &scenario.secrets()[0];
    let versions: Vec<(u64, bool)> =
        leaked.versions.iter().map(|version| (version.age.as_secs() / 86_400, version.enabled)).collect();
    assert_eq!(versions, [(400, false), (90, true), (20, true)]);
    assert_eq!(leaked.content_type.as_deref(), Some("text/plain"));
    assert_eq!(leaked.tags["owner"], "orders-team");
    let modes: Vec<ReadMode> = scenario.consumers().iter().map(|consumer| consumer.reads).collect();
    assert_eq!(modes, [ReadMode::Latest, ReadMode::Latest, ReadMode::Pinned]);
    assert!(scenario.consumers().iter().all(|consumer| consumer.secret == "orders-db"));
    assert_eq!(scenario.attackers()[0].also, ["smtp-relay", "orders-signing"]);
    let planned = json!({
        "match": { "method": "PUT", "path": "^/secrets/orders-db/?$" },
        "times": 1,
        "do": { "drop": "after" },
    });
    assert_eq!(scenario.faults(), [serde_json::from_value(planned).unwrap()]);
}

#[test]
fn ids_follow_from_names_unless_they_are_given() {
    let first = Scenario::parse(SMALL).unwrap();
    let second = changed("name: small", "name: other").unwrap();
    let (caller, intruder) = (&first.consumers()[0].caller, &first.attackers()[0].caller);
    assert_eq!(*caller, second.consumers()[0].caller);
    assert_ne!(caller.oid, caller.appid);
    assert_ne!(caller.oid, intruder.oid);
    assert!(caller.ip.to_string().starts_with("10.1."));
    assert!(intruder.ip.to_string().starts_with("203.0.113."));
    let given = "refresh: 300ms, oid: 11111111-2222-4333-8444-555555555555, ip: 10.9.8.7, user_agent: own/1, upn: a@b";
    let given = changed("refresh: 300ms", given).unwrap();
    let caller = &given.consumers()[0].caller;
    assert_eq!(caller.oid, "11111111-2222-4333-8444-555555555555");
    assert_eq!((caller.ip.to_string().as_str(), caller.user_agent.as_str()), ("10.9.8.7", "own/1"));
    assert_eq!(caller.upn.as_deref(), Some("a@b"));
}

/// In each line: a text of the small scenario, what stands in its place, and what is then said.
const WRONG: &str = "\
refresh: 300ms → refresh: 300 → `300` is no duration: write a number and its unit
refresh: 300ms → refresh: 1ms → consumer `orders-api`: `refresh` must be at least 10ms
refresh: 300ms → refreshes: 300ms → refreshes
reads: latest → reads: newest → newest
every: 1s → every: 99999999999999999999d → is no duration
every: 1s → every: 1s, oid: me → attacker `intruder`: `me` is no object or application id
stanch-scenario/v1 → stanch-scenario/v2 → schema `stanch-scenario/v2` is not known
vault: kv-drill → vault: kv.drill → `kv.drill` is no name of a vault
secret: orders-db → secret: order-db → secret: there is no `order-db` among the secrets; did you mean `orders-db`?
also: [smtp-relay] → also: [stripe] → attacker `intruder`: there is no `stripe` among the secrets
also: [smtp-relay] → also: [orders-db] → `also` is for other secrets
name: smtp-relay → name: ORDERS-DB → there are two secrets by the name `ORDERS-DB`
name: intruder → name: orders-api → there are two callers by the name `orders-api`
name: orders-db, versions: [{ age: 2d }] → name: orders-db, versions: [] → `versions` must name at least one
[{ age: 2d }] → [{ age: 2d, enabled: false }] → secret `orders-db`: its last version is the current one
[{ age: 2d }] → [{ age: 1d }, { age: 2d }] → `versions` go from the oldest to the newest
faults: [] → faults: [{ do: {} }] → a fault: `do` says nothing: give `status`
faults: [] → faults: [{ do: { status: 42 } }] → `42` is no status of an answer
faults: [] → faults: [{ match: { path: '(' }, do: { status: 503 } }] → a fault: `path` is no regular expression: unclosed group
faults: [] → faults: [{ do: { drop: never } }] → never
faults: [] → vault: kv-other → vault
[{ age: 2d }] → [{ age: 2d }], issuer: {} → secret `orders-db`: its `issuer` is one of `account`
[{ age: 2d }] → [{ age: 2d }], issuer: { token: gitlab } → gitlab
[{ age: 2d }] → [{ age: 2d }], issuer: { account: /x } → no kind of account has the address `/x`
[{ age: 2d }] → [{ age: 2d }], issuer: { account: /s/Microsoft.Storage/storageAccounts/orders, key: key3 } → `key3` is no key of `/s/Microsoft.Storage/storageAccounts/orders`: its keys are `key1` and `key2`
[{ age: 2d }] → [{ age: 2d }], issuer: { token: slack, key: key1 } → `key` goes with `account` only
[{ age: 2d }] → [{ age: 2d }], issuer: { token: slack, app_id: x } → `app_id` goes with `application`
[{ age: 2d }] → [{ age: 2d }], issuer: { application: orders } → `orders` is no object or client id
[{ age: 2d }] → [{ age: 2d }], value: hunter2 → `value` must point to the environment, `env:NAME`
[{ age: 2d }] → [{ age: 2d }], value: env:A, issuer: { token: slack } → its `issuer` or is at `value`
faults: [] → enters: new_value → give `orders-db` an `issuer` with a `token`
faults: [] → enters: nothing → nothing
faults: [] → targets: { killed_within: 3s } → the target `killed_within` needs an `issuer` of `orders-db`
";

#[test]
fn what_is_wrong_is_said_in_words_that_help() {
    for case in WRONG.lines() {
        let [from, to, expected] = case.split(" → ").collect::<Vec<&str>>()[..] else { panic!("{case}") };
        let problem = changed(from, to).unwrap_err();
        assert!(problem.contains(expected), "for `{to}`: {problem}");
    }
}

#[test]
fn problems_of_meaning_are_told_all_at_once_and_problems_of_form_with_their_line() {
    let twofold = SMALL.replace("vault: kv-drill", "vault: x").replace("secret: orders-db", "secret: gone");
    let problems = Scenario::parse(&twofold).unwrap_err();
    assert_eq!(problems.lines().count(), 2, "{problems}");
    let misplaced = changed("exposure: 6h", "exposed: 6h").unwrap_err();
    assert!(misplaced.contains("14"), "{misplaced}");
}

#[test]
fn an_unknown_scenario_is_refused_with_the_names_there_are() {
    let problem = Scenario::builtin("leak").unwrap_err();
    assert_eq!(
        problem,
        "there is no scenario `leak`; built in are `leaked-secret`, `quiet`, `leaked-string`, `open-vault`, `storage-account-key`, `entra-app-secret`, `database-credential`, `third-party-api-key`"
    );
}

#[test]
fn what_stands_in_the_environment_is_fetched_from_there_and_missed_by_name() {
    let pointing = SMALL.replacen("[{ age: 2d }]", "[{ age: 2d }], value: env:LOGIN", 1);
    let mut scenario = Scenario::parse(&format!("{pointing}inputs: {{ ca: env:CA, role: app }}\n")).unwrap();
    assert_eq!(scenario.fetch(&|_| None).unwrap_err(), ["LOGIN", "CA"]);
    scenario.fetch(&|name| Some(format!("what {name} holds"))).unwrap();
    assert_eq!(scenario.inputs()["ca"], "what CA holds");
    assert_eq!(scenario.inputs()["role"], "app");
    assert!(!format!("{scenario:?}").contains("what LOGIN holds"));
}
