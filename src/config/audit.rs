//! The `audit` part of the configuration: where a vault's audit trail lies, and what counts as ordinary in it.

use crate::audit::{DateOrder, Place, Thresholds, Times, Zone};
use crate::runbook::diagnostic::nearest;
use crate::runbook::duration;
use crate::runbook::syntax::{Node, NodeValue};
use crate::settings::{SettingsDecoder, get};
use chrono::TimeDelta;
use std::collections::BTreeMap;

/// An audit trail, and how it is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditTrail {
    /// Where it lies.
    pub place: Option<Place>,
    /// How long before the exposure it is read to learn what is ordinary.
    pub baseline: Option<TimeDelta>,
    pub thresholds: Thresholds,
    /// How times in its files are meant that do not say so themselves.
    pub times: Times,
}

impl SettingsDecoder<'_> {
    pub(super) fn audit(&mut self, node: &Node) -> AuditTrail {
        let entries = self.entries(
            node,
            "`audit`",
            &["archive", "workspace", "baseline", "thresholds", "timezone", "date_order"],
        );
        let mut audit = AuditTrail::default();
        if let Some(node) = get(&entries, "archive")
            && let Some(text) = self.text(node, "`archive`")
        {
            match Place::archive(&text) {
                Ok(Place::Path(path)) => audit.place = Some(Place::Path(self.folder.join(path))),
                Ok(place) => audit.place = Some(place),
                Err(failure) => self.wrong(failure.summary, node.span, failure.help.unwrap_or_default()),
            }
        }
        if let Some(node) = get(&entries, "workspace")
            && let Some(text) = self.text(node, "`workspace`")
        {
            match Place::workspace(&text) {
                Ok(_) if audit.place.is_some() => self.wrong(
                    "an audit trail has an `archive` and a `workspace`",
                    node.span,
                    "name the one that holds more; what is in both would be counted twice",
                ),
                Ok(place) => audit.place = Some(place),
                Err(failure) => self.wrong(failure.summary, node.span, failure.help.unwrap_or_default()),
            }
        }
        if let Some(node) = get(&entries, "baseline")
            && let Some(text) = self.text(node, "`baseline`")
        {
            match duration::parse(&text).map(TimeDelta::from_std) {
                Ok(Ok(baseline)) => audit.baseline = Some(baseline),
                Ok(Err(_)) => {
                    self.wrong(format!("`{text}` is too long a time"), node.span, "write, for example, `14d`")
                }
                Err(why) => self.wrong(why, node.span, "write, for example, `14d`"),
            }
        }
        if let Some(node) = get(&entries, "timezone")
            && let Some(text) = self.text(node, "`timezone`")
        {
            match Zone::parse(&text) {
                Ok(zone) => audit.times.zone = Some(zone),
                Err(failure) => self.wrong(failure.summary, node.span, failure.help.unwrap_or_default()),
            }
        }
        if let Some(node) = get(&entries, "date_order")
            && let Some(text) = self.text(node, "`date_order`")
        {
            match DateOrder::parse(&text) {
                Ok(order) => audit.times.order = Some(order),
                Err(failure) => self.wrong(failure.summary, node.span, failure.help.unwrap_or_default()),
            }
        }
        if let Some(node) = get(&entries, "thresholds") {
            for (name, span, node) in self.open(node, "`thresholds`") {
                let NodeValue::Int(value @ 1..) = &node.value else {
                    self.wrong(
                        format!("`{name}` must be a whole number above zero"),
                        node.span,
                        "write, for example, `25`",
                    );
                    continue;
                };
                if !audit.thresholds.set(name, value.unsigned_abs()) {
                    let help = match nearest(name, Thresholds::NAMES.iter().copied()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("the thresholds are {}", Thresholds::NAMES.join(", ")),
                    };
                    self.wrong(format!("there is no threshold `{name}`"), span, help);
                }
            }
        }
        audit
    }

    /// Object ids of callers: a list of them, or a mapping from them to what people call them. `key` is where they stand.
    pub(super) fn callers(&mut self, node: &Node, key: &str) -> BTreeMap<String, Option<String>> {
        if let NodeValue::Map(_) = &node.value {
            let entries = self.open(node, &format!("`{key}`"));
            let named = entries.into_iter().filter_map(|(oid, _, node)| {
                let name = self.text(node, &format!("each name in `{key}`"))?;
                Some((oid.to_lowercase(), Some(name).filter(|name| !name.is_empty())))
            });
            return named.collect();
        }
        let listed = self.texts(node, &format!("each of `{key}`"));
        listed.into_iter().map(|oid| (oid.to_lowercase(), None)).collect()
    }
}
