//! What a search for a leaked value found, as people and scripts see it.

use super::page::Page;
use super::session;
use super::suggestion::Suggestion;
use super::terminal::ui::{Ui, describe};
use crate::clock::Timestamp;
use crate::config::{Config, SecretFacts, USUAL_RUNBOOK};
use crate::find::{Answer, Because, Certainty, Found, LAYERS, Match, SHORTEST, Searched};
use crate::intake::{SinceWhat, said};
use crate::report::fact::counted;
use crate::vault::short;
use chrono::SecondsFormat;
use serde::Serialize;

/// How many names of what could not be read are said.
const MOST_NAMES: usize = 5;

/// What is said where nothing names an issuer.
const NOBODY_KNOWN: &str = "nothing names an issuer: if somebody else than the vault issued it, say so by the tag `stanch-provider` or in the inventory first";

/// What is known of the leak beside the value.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Leak {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) found_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exposed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exposed_at_is: Option<SinceWhat>,
    /// The report names no time zone; the time was taken for UTC.
    #[serde(rename = "exposed_at_zone_assumed", skip_serializing_if = "std::ops::Not::not")]
    pub(crate) zone_assumed: bool,
    /// Why a time that the report tells is not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exposed_at_not_taken: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) report: Option<ReportSeen>,
}

/// What was seen of the report that the leak stands in.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReportSeen {
    pub(crate) format: &'static str,
    pub(crate) findings: usize,
    /// What of it could not be read, and what the scanner did not look at.
    pub(crate) unread: Vec<String>,
    /// All of it could be read.
    #[serde(skip)]
    pub(crate) is_whole: bool,
}

/// One secret that holds the value, with all its versions that do.
#[derive(Debug)]
pub(crate) struct Holder<'a> {
    /// The strongest first; never empty.
    pub(crate) versions: Vec<&'a Found>,
    facts: SecretFacts,
    pub(crate) suggestion: Suggestion,
    /// What to think of before it is followed.
    pub(crate) caution: Option<String>,
    /// What is said where a tag names a runbook that is not followed.
    not_followed: Option<String>,
}

/// A version that holds the value, for scripts.
#[derive(Serialize)]
struct Row<'a> {
    secret: String,
    version: String,
    current: bool,
    enabled: bool,
    created: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    #[serde(flatten)]
    matched: Match,
    certainty: Certainty,
    #[serde(flatten)]
    facts: &'a SecretFacts,
    next: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    runbook_not_followed: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    caution: Option<String>,
}

#[derive(Serialize)]
struct Counted<'a> {
    because: &'a Because,
    count: usize,
}

/// The whole answer, for scripts.
#[derive(Serialize)]
struct Told<'a> {
    found: Vec<Row<'a>>,
    fingerprint: &'a str,
    leak: &'a Leak,
    secrets: usize,
    versions: usize,
    not_read: Vec<Counted<'a>>,
    complete: bool,
    /// What was looked through, and what of the leaked text was not looked for.
    tried: &'static [&'static str],
    not_tried: &'a [String],
    /// What is shorter was looked for as a whole value or field only.
    shortest_inside: usize,
    vaults: &'a [Searched],
}

/// What is shown of an answer.
#[derive(Debug)]
pub(crate) struct Shown<'a> {
    answer: &'a Answer,
    fingerprint: String,
    leak: &'a Leak,
    pub(crate) holders: Vec<Holder<'a>>,
}

impl<'a> Shown<'a> {
    /// Puts what was found together with what is known of it.
    pub(crate) fn new(answer: &'a Answer, config: &Config, leak: &'a Leak, fingerprint: String) -> Self {
        let mut holders: Vec<Holder<'a>> = Vec::new();
        for found in &answer.found {
            if let Some(holder) = holders.iter_mut().find(|holder| holder.secret() == found.secret.to_string()) {
                holder.versions.push(found);
                continue;
            }
            let facts = config.inventory.facts(&found.vault.name, &found.secret.name, &found.version.tags);
            let since = leak.exposed_at.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
            let known = [
                ("secret", Some(found.secret.to_string())),
                ("exposed_at", since),
                ("found_at", leak.found_at.clone()),
            ];
            let known: Vec<_> =
                known.into_iter().filter(|(name, value)| *name != "found_at" || value.is_some()).collect();
            let fitting = session::fitting_runbook(config, &found.secret, &found.version.tags);
            let caution = (facts.issuer.is_none() && facts.provider.is_none()).then(|| NOBODY_KNOWN.to_owned());
            let suggestion = Suggestion::new(&fitting.runbook, &known);
            let not_followed = fitting.not_followed;
            holders.push(Holder { versions: vec![found], facts, suggestion, caution, not_followed });
        }
        // One value has one issuer: where it is known for one secret, the others hold a copy. The surest comes first all
        // the same: what holds a part may have to do with something else.
        holders.sort_by_key(|holder| (holder.certainty(), holder.caution.is_some()));
        let issued = holders.iter().find(|holder| holder.caution.is_none() && holder.is_sure()).map(Holder::secret);
        for holder in holders.iter_mut().filter(|holder| holder.caution.is_some()) {
            holder.caution = issued
                .as_ref()
                .map(|first| {
                    format!(
                        "{first} holds it as well, and has an issuer: contain that one, then put in here what it holds"
                    )
                })
                .or(holder.caution.take());
        }
        Self { answer, fingerprint, leak, holders }
    }

    fn count(&self, of: impl Fn(&Searched) -> usize) -> usize {
        self.answer.vaults.iter().map(of).sum()
    }

    /// One object, for scripts.
    pub(crate) fn json(&self, ui: Ui) {
        let unread = self.answer.unread();
        ui.json(&Told {
            found: self.holders.iter().flat_map(|holder| holder.rows()).collect(),
            fingerprint: &self.fingerprint,
            leak: self.leak,
            secrets: self.count(|searched| searched.secrets),
            versions: self.count(|searched| searched.versions),
            not_read: unread.iter().map(|(because, count)| Counted { because, count: *count }).collect(),
            complete: self.answer.is_complete(),
            tried: LAYERS,
            not_tried: &self.answer.not_tried,
            shortest_inside: SHORTEST,
            vaults: &self.answer.vaults,
        });
    }

    /// For people.
    pub(crate) fn text(&self, ui: Ui) -> Page {
        let mut page = Page::of(self.headline(ui));
        for searched in self.answer.vaults.iter().filter(|searched| !searched.listed) {
            for failure in &searched.failures {
                let first = format!("  {} {}: ", ui.red("not searched"), searched.vault.name);
                page.add(describe(failure).after(&first, "  "));
            }
        }
        for searched in self.answer.vaults.iter().filter(|searched| searched.listed) {
            for failure in &searched.failures {
                page.line(format!("  {}: deleted secrets are not known: {}", searched.vault.name, failure.summary));
            }
        }
        for holder in &self.holders {
            page.add(holder.text(ui));
        }
        page.add(self.not_read(ui));
        page.add(self.looked_through(ui));
        let fingerprint =
            if self.fingerprint.is_empty() { "not known: only a hash of the value is" } else { &self.fingerprint };
        page.blank();
        page.line(format!("fingerprint {fingerprint}"));
        if let Some(found_at) = &self.leak.found_at {
            page.line(format!("found at    {found_at}"));
        }
        if let Some(at) = self.leak.exposed_at {
            let what = self.leak.exposed_at_is.map(|what| format!("  ({})", what.describe())).unwrap_or_default();
            let zone = if self.leak.zone_assumed { "  (the report names no time zone: taken for UTC)" } else { "" };
            page.line(format!("since       {}{what}{zone}", at.to_rfc3339_opts(SecondsFormat::Secs, true)));
        }
        if let Some(why) = self.leak.exposed_at_not_taken {
            let label = if self.leak.exposed_at.is_some() { "            " } else { "since       not known: " };
            page.line(format!("{label}{why}; say since when with `--exposed-at`"));
        }
        for (index, holder) in self.holders.iter().enumerate() {
            if index == 0 {
                page.blank();
            }
            let label = if index == 0 { "next: " } else { " and: " };
            page.line(format!("{label}{}", holder.suggestion.command()));
            if let Some(caution) = &holder.caution {
                page.line(format!("      {} {caution}", ui.yellow("!")));
            }
            if let Some(not_followed) = &holder.not_followed {
                page.line(format!("      {} {not_followed}", ui.yellow("!")));
            }
            if !holder.suggestion.is_here {
                page.line(format!(
                    "      there is no runbook `{}` here; `{USUAL_RUNBOOK}` fits every secret",
                    said(&holder.suggestion.runbook)
                ));
            }
        }
        page
    }

    fn headline(&self, ui: Ui) -> String {
        let searched = self.answer.vaults.iter().filter(|searched| searched.listed).count();
        let vaults = counted(self.answer.vaults.len() as u64, "vault");
        let counts = format!(
            "{}, {} read{}",
            grouped(self.count(|searched| searched.secrets), "secret"),
            grouped(self.count(|searched| searched.versions), "version"),
            self.not_read_counts()
        );
        if self.holders.is_empty() {
            let where_to = if searched < self.answer.vaults.len() {
                format!("in {searched} of {vaults}")
            } else {
                format!("in {vaults}")
            };
            return format!("{} {where_to} ({counts})", ui.yellow("not found"));
        }
        let mut holding: Vec<&str> = self.answer.found.iter().map(|found| found.vault.host.as_str()).collect();
        holding.sort_unstable();
        holding.dedup();
        format!("{} in {} of {vaults} ({counts})", ui.green("found"), holding.len())
    }

    fn not_read_counts(&self) -> String {
        let told: Vec<String> = self.answer.unread().iter().map(|(because, count)| because.describe(*count)).collect();
        if told.is_empty() { String::new() } else { format!("; not read: {}", told.join(", ")) }
    }

    /// Of a miss: in what forms it was looked for, and in what others it may still stand there.
    fn looked_through(&self, ui: Ui) -> Page {
        let mut page = Page::default();
        if self.holders.is_empty() {
            page.blank();
            page.line(format!("  {} {}", ui.dim("looked through:"), LAYERS.join("; ")));
            page.line(format!("  {} what is encrypted, compressed or hashed", ui.dim("not looked through:")));
            let what = format!("what has fewer than {SHORTEST} letters, or is a common word");
            page.line(format!("  {} {what}", ui.dim("looked for as a whole value or field only:")));
        }
        let harmless = self.count(|searched| searched.harmless) as u64;
        if harmless > 0 {
            let versions = counted(harmless, "version");
            let what = "only in what lets nobody in (a server, an account, an option)";
            page.line(format!("  {} {versions}, where it stands {what}", ui.dim("not counted:")));
        }
        for part in &self.answer.not_tried {
            page.line(format!("  {} {part}", ui.yellow("not looked for:")));
        }
        page
    }

    /// Names of what could not be read: the value may stand there.
    fn not_read(&self, ui: Ui) -> Page {
        let mut page = Page::default();
        for (because, count) in self.answer.unread() {
            let of_vault = |searched: &'a Searched| {
                let fits = searched.unread.iter().filter(|unread| unread.because == because);
                fits.map(|unread| {
                    let version = unread.version.as_deref().map(|version| format!(" {}", short(version)));
                    format!("{}/{}{}", searched.vault.name, unread.secret, version.unwrap_or_default())
                })
            };
            let names: Vec<String> = self.answer.vaults.iter().flat_map(of_vault).take(MOST_NAMES).collect();
            let more = count.saturating_sub(names.len());
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            page.line(format!("  {} {}: {}{more}", ui.dim("not read"), word(&because), names.join(", ")));
        }
        if page.is_empty() { page } else { page.below_blank() }
    }
}

impl Holder<'_> {
    fn secret(&self) -> String {
        self.versions.first().map(|found| found.secret.to_string()).unwrap_or_default()
    }

    /// Whether it holds the value, and not by chance.
    pub(crate) fn is_sure(&self) -> bool {
        self.certainty() != Certainty::Unsure
    }

    fn certainty(&self) -> Certainty {
        self.versions.iter().map(|found| found.matched.certainty()).min().unwrap_or(Certainty::Unsure)
    }

    fn rows(&self) -> Vec<Row<'_>> {
        let next = self.suggestion.command().to_string();
        let row = |found: &&'_ Found| Row {
            secret: found.secret.to_string(),
            version: found.version.id.clone(),
            current: found.current,
            enabled: found.version.enabled,
            created: found.version.created,
            expires: found.version.expires,
            matched: found.matched,
            certainty: found.matched.certainty(),
            facts: &self.facts,
            next: next.clone(),
            runbook_not_followed: self.not_followed.as_deref(),
            caution: self.caution.clone(),
        };
        self.versions.iter().map(row).collect()
    }

    fn text(&self, ui: Ui) -> Page {
        let mut page = Page::of("");
        page.line(format!("  {}", self.secret()));
        for found in &self.versions {
            let state = match (found.current, found.version.enabled) {
                (true, _) => ui.red("current, enabled"),
                (false, true) => "not current, but enabled: it can still be read".to_owned(),
                (false, false) => "disabled".to_owned(),
            };
            page.line(format!(
                "  version {}  {state}, created {}; {}: {}",
                short(&found.version.id),
                found.version.created.format("%Y-%m-%d"),
                found.matched.certainty().describe(),
                found.matched.describe()
            ));
        }
        let issuer = match (&self.facts.issuer, &self.facts.provider) {
            (Some(issuer), Some(provider)) => format!("issued by {} ({})", said(issuer), said(provider)),
            (Some(issuer), None) => format!("issued by {}", said(issuer)),
            (None, Some(provider)) => format!("issued by {}", said(provider)),
            (None, None) => "issuer not known".to_owned(),
        };
        let owner = self
            .facts
            .owner
            .as_deref()
            .map_or_else(|| "owner not known".to_owned(), |owner| format!("owner {}", said(owner)));
        page.line(format!("  {owner} · {issuer} · runbook {}", said(&self.suggestion.runbook)));
        page
    }
}

fn word(because: &Because) -> String {
    match because {
        Because::Forbidden(code) => format!("(no get permission: {})", said(code)),
        Because::Disabled => "(disabled)".to_owned(),
        Because::Deleted => "(deleted)".to_owned(),
        Because::Failed(why) => format!("({})", said(why)),
        Because::Sealed => "(encrypted or compressed: open it, and look there)".to_owned(),
        Because::Partly => "(it holds more texts in one another than are looked at)".to_owned(),
    }
}

/// `1,103 versions`.
fn grouped(number: usize, what: &str) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text} {what}{}", if number == 1 { "" } else { "s" })
}
