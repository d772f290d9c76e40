//! The words of the language: which keys stand where, and what they hold. The reader, the JSON Schema and the reference
//! page are made from these tables.

/// The version of the language that this program reads.
pub const SCHEMA: &str = "stanch/v1";
/// The version of a fragment: steps that runbooks include.
pub const FRAGMENT_SCHEMA: &str = "stanch-fragment/v1";
/// Beyond this, more at a time only meets the vault's limits sooner.
pub const MOST_AT_A_TIME: usize = 256;
/// More attempts than these are no plan.
pub const MOST_RETRIES: u32 = 1000;
/// What a step may be called, so that expressions can name it; the same for an input.
pub const IDENTIFIER: &str = "^[a-z][A-Za-z0-9_]{0,63}$";

/// What a time looks like, as a regular expression.
pub const TIME_PATTERN: &str =
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$";
/// What a URL looks like.
pub const URL_PATTERN: &str = "^[A-Za-z][A-Za-z0-9+.-]*://[^/?#\\s]+";

/// A key of a mapping.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    pub required: bool,
    pub shape: KeyShape,
    pub about: &'static str,
}

/// What a key holds.
#[derive(Clone, Copy, Debug)]
pub enum KeyShape {
    /// A text that is this one.
    Constant(&'static str),
    Text,
    /// A text in which expressions may stand.
    Template,
    Identifier,
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    Words,
    /// A whole number between these.
    Whole(u64, u64),
    Duration,
    /// A duration, or two with `..` between them.
    Backoff,
    /// A regular expression.
    Pattern,
    /// `${{ … }}`, true or false.
    Condition,
    /// `${{ … }}` or a list.
    Loop,
    /// The name of an action.
    Action,
    /// Parameters of the action.
    Parameters,
    /// A parameter of `human/approve`.
    Gate,
    /// A value of the input's type.
    Value,
    /// A number, a length, a time or a duration, as the input's type has it.
    Bound,
    /// Names with an input each.
    Inputs,
    /// The type of a list's items.
    Items,
    Mapping(&'static [Key]),
    Steps,
}

const fn key(name: &'static str, shape: KeyShape, about: &'static str) -> Key {
    Key { name, required: false, shape, about }
}

const fn required(name: &'static str, shape: KeyShape, about: &'static str) -> Key {
    Key { name, required: true, shape, about }
}

/// The types of inputs.
pub const TYPES: &[(&str, &str)] = &[
    ("string", "text"),
    ("int", "a whole number"),
    ("number", "a number"),
    ("bool", "true or false"),
    ("enum", "one of the words in `values`"),
    ("timestamp", "a time as RFC 3339 has it, with its zone: `2026-11-22T21:40:00Z`"),
    ("duration", "a length of time: `90s`, `15m`, `24h`, `30d`"),
    ("url", "a URL with a host"),
    ("keyvault_secret", "`https://VAULT.vault.azure.net/secrets/NAME[/VERSION]`"),
    ("list", "a list; on the command line, with commas between its items"),
];

/// The types that the items of a list can have.
pub const ITEM_TYPES: &[&str] =
    &["string", "int", "number", "bool", "enum", "timestamp", "duration", "url", "keyvault_secret"];

const ALL_TYPES: &[&str] =
    &["string", "int", "number", "bool", "enum", "timestamp", "duration", "url", "keyvault_secret", "list"];

/// A runbook.
pub const RUNBOOK: &[Key] = &[
    required("schema", KeyShape::Constant(SCHEMA), "the version of the language"),
    required("name", KeyShape::Text, "how the runbook is called"),
    key("summary", KeyShape::Text, "what it is for, in one line"),
    key("inputs", KeyShape::Inputs, "what it asks for, by name"),
    key("policy", KeyShape::Mapping(POLICY), "rules for the run as a whole"),
    required("steps", KeyShape::Steps, "what is done"),
    key("finally", KeyShape::Steps, "what is done at the end, whatever happened before"),
];

/// A fragment: steps that runbooks include.
pub const FRAGMENT: &[Key] = &[
    required("schema", KeyShape::Constant(FRAGMENT_SCHEMA), "the version of the language"),
    required("steps", KeyShape::Steps, "what is done where the fragment is included"),
];

/// An input.
pub const INPUT: &[Key] = &[
    required("type", KeyShape::Word(ALL_TYPES), "its type"),
    key("required", KeyShape::Flag, "whether a run cannot begin without it"),
    key("default", KeyShape::Value, "its value where none is given; without one it is null"),
    key("description", KeyShape::Text, "what to give, for whoever is asked for it"),
    key("values", KeyShape::Words, "the words of an `enum`"),
    key("pattern", KeyShape::Pattern, "a regular expression that the whole text must match"),
    key("min", KeyShape::Bound, "the least: a number, a time, a duration, a length in characters or in items"),
    key("max", KeyShape::Bound, "the most"),
    key("items", KeyShape::Items, "the type of the items of a `list`"),
];

/// What is said of the items of a list.
pub const ITEMS: &[Key] = &[
    required("type", KeyShape::Word(ITEM_TYPES), "the type of each item"),
    key("values", KeyShape::Words, "the words of an `enum`"),
    key("pattern", KeyShape::Pattern, "a regular expression that the whole text must match"),
    key("min", KeyShape::Bound, "the least"),
    key("max", KeyShape::Bound, "the most"),
];

/// Rules for the run as a whole.
pub const POLICY: &[Key] = &[
    key("lock", KeyShape::Template, "one live run per value"),
    key("timeout", KeyShape::Duration, "how long the run may take, `finally` not counted"),
    key("overlap", KeyShape::Duration, "how long the users of a secret get to move: `${{ policy.overlap }}`"),
    key("gates", KeyShape::Mapping(GATES), "what holds for every `human/approve` that does not say otherwise"),
];

/// Rules for gates.
pub const GATES: &[Key] = &[
    key("skip_if", KeyShape::Condition, "where this holds, no gate is asked"),
    key("min", KeyShape::Gate, "how many different people must say yes"),
    key("from", KeyShape::Gate, "who may answer"),
    key("not_requester", KeyShape::Gate, "whether the one who started the run may not say yes"),
    key("approvals", KeyShape::Gate, "whose word counts: `named`, or `verified` for those alone who sign in"),
    key("expires", KeyShape::Gate, "after this long without an answer it counts as a no"),
];

/// A step.
pub const STEP: &[Key] = &[
    required("id", KeyShape::Identifier, "its name in expressions, journals and commands"),
    key("name", KeyShape::Text, "what people read"),
    required("uses", KeyShape::Action, "the action that is done"),
    key("with", KeyShape::Parameters, "the action's parameters"),
    key("needs", KeyShape::Words, "the steps it waits for; without it, the step written above; `[]` for none"),
    key("if", KeyShape::Condition, "where this does not hold, the step is skipped"),
    key("for_each", KeyShape::Loop, "the list for each `item` of which the step is done"),
    key(
        "concurrency",
        KeyShape::Whole(1, MOST_AT_A_TIME as u64),
        "how many items are worked on at a time; 1 unless given",
    ),
    key("retry", KeyShape::Mapping(RETRY), "how often and when a failed attempt is made again"),
    key("timeout", KeyShape::Duration, "how long one attempt may take"),
    key(
        "on_failure",
        KeyShape::Word(&["stop", "continue", "ask"]),
        "what becomes of the run: `stop` (`continue` for messages and in `finally`), or a person is asked",
    ),
    key(
        "on_unknown",
        KeyShape::Word(&["probe", "rerun", "ask"]),
        "what is done about an effect whose outcome is not known: the other side is asked, it is sent again under the same key, or a person is asked",
    ),
];

/// An entry of `steps` that stands for the steps of another file.
pub const INCLUDE: &[Key] =
    &[required("include", KeyShape::Text, "the path of a fragment, relative to the file in which this stands")];

/// How an attempt is repeated.
pub const RETRY: &[Key] = &[
    key("max", KeyShape::Whole(0, MOST_RETRIES as u64), "how often at most"),
    key("backoff", KeyShape::Backoff, "the first wait, and after `..` the longest: `2s..1m`"),
];

/// The names of some keys.
pub fn names(keys: &[Key]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}
