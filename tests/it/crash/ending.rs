//! How a world ended, as far as it must be the same after every history.

use super::world::{RUN, World, steps};
use serde_json::{Map, Value, json};
use stanch::engine::EffectPhase;
use std::collections::{BTreeMap, BTreeSet};

/// What is compared at the end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ending {
    status: Value,
    steps: BTreeMap<String, &'static str>,
    /// Versions of every secret: whose they are, whether they are enabled, what they carry.
    secrets: BTreeMap<String, BTreeSet<String>>,
    /// Which messages were received, by channel and key.
    messages: BTreeSet<(String, String)>,
    /// What the report says of it.
    report: Value,
    /// How the leaked credential and its successor stand at their issuer.
    issuer: Value,
    /// What no crash may make happen once more: versions of each secret, credentials of the issuer.
    counts: Value,
}

impl Ending {
    /// The world, the journal and the report.
    pub(crate) async fn of(world: &World) -> Self {
        let journal = world.journal();
        assert_eq!(journal.end.torn, 0);
        let state = journal.state();
        for (id, step) in state.steps() {
            for (name, effect) in &step.effects {
                let settled =
                    matches!(effect.phase, EffectPhase::Done(_) | EffectPhase::AssumedDone | EffectPhase::Refused);
                assert!(settled, "{name} of {id} is left open: {:?}", effect.phase);
            }
        }
        let cloud = world.surroundings.state().await;
        let report = crate::whole::report(&journal.records, &journal.end.head, &steps(&world.plan));
        let report = serde_json::to_value(report).unwrap();
        let count = |list: &Value| list.as_array().map_or(0, Vec::len);
        let containment = &report["containment"];
        let status = |step: &stanch::runbook::model::Step| state.step(&step.id.value).status.name();
        Self {
            status: json!(state.ended()),
            steps: world.plan.steps().map(|step| (step.id.value.clone(), status(step))).collect(),
            secrets: secrets(&cloud, &world.staged.leaked),
            messages: messages(&cloud),
            report: json!({
                "contained": report["verdict"]["contained"],
                "exposure_ended": report["exposure"]["ended"],
                "rotated": is_ours(&cloud, &containment["rotated"]["version"]),
                "revoked": count(&containment["revoked"]),
                "proven": count(&containment["proven"]),
                "not_proven": count(&containment["not_proven"]),
            }),
            issuer: world.staged.look(world, &cloud).await,
            counts: json!({ "versions": versions(&cloud), "issued": world.staged.issued(&cloud) }),
        }
    }

    /// Without what a request may leave behind that arrived twice and was put right: versions that are disabled and
    /// proven to be, and a second one with the same value.
    pub(crate) fn put_right(mut self) -> Self {
        self.counts = Value::Null;
        for counted in ["revoked", "proven"] {
            self.report[counted] = json!(self.report[counted].as_u64() > Some(0));
        }
        for versions in self.secrets.values_mut() {
            let enabled = versions.iter().filter_map(|version| {
                let mut version: Value = serde_json::from_str(version).unwrap();
                version["tags"].as_object_mut().unwrap().remove("stanch-effect");
                (version["enabled"] == true).then(|| version.to_string())
            });
            *versions = enabled.collect();
        }
        self
    }
}

/// All secrets that are not deleted, by vault and name.
fn each_secret(cloud: &Value) -> impl Iterator<Item = (String, &Vec<Value>)> {
    cloud["vaults"].as_object().unwrap().iter().flat_map(|(vault, content)| {
        let secrets = content["secrets"].as_object().unwrap().iter();
        secrets.map(move |(name, versions)| (format!("{vault}/{name}"), versions.as_array().unwrap()))
    })
}

/// Each secret's versions. Which credential a tag names is told as whether it is the one that leaked.
fn secrets(cloud: &Value, leaked: &str) -> BTreeMap<String, BTreeSet<String>> {
    let shown = |version: &Value| {
        let mut tags: BTreeMap<String, Value> =
            version["tags"].as_object().into_iter().flatten().map(|(tag, text)| (tag.clone(), text.clone())).collect();
        if let Some(credential) = tags.get_mut("CredentialId") {
            let leaked = *credential == leaked;
            *credential = json!({ "leaked": leaked });
        }
        json!({ "enabled": version["enabled"], "content_type": version["content_type"], "tags": tags }).to_string()
    };
    each_secret(cloud).map(|(name, versions)| (name, versions.iter().map(shown).collect())).collect()
}

fn versions(cloud: &Value) -> Value {
    each_secret(cloud).map(|(name, versions)| (name, json!(versions.len()))).collect::<Map<String, Value>>().into()
}

fn messages(cloud: &Value) -> BTreeSet<(String, String)> {
    let text = |sent: &Value, key: &str| sent[key].as_str().unwrap_or_default().to_owned();
    cloud["notifications"].as_array().unwrap().iter().map(|sent| (text(sent, "channel"), text(sent, "id"))).collect()
}

/// Whether a version carries the run's tag in the cloud.
fn is_ours(cloud: &Value, version: &Value) -> bool {
    let mut versions = each_secret(cloud).flat_map(|(_, versions)| versions);
    versions.any(|found| found["version"] == *version && found["tags"]["stanch-run"] == RUN)
}
