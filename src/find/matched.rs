//! What a secret's value has to do with what leaked, and how sure that is.

use super::layers::Place;
use serde::Serialize;

/// How sure it is that a secret is what leaked, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// All of the secret, whatever stands around it in the leaked text.
    Certain,
    /// A part of it, which lets somebody in by itself.
    Likely,
    /// It may be chance.
    Unsure,
}

impl Certainty {
    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Unsure => "unsure",
        }
    }
}

/// What a secret's value has to do with the leaked text, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Match {
    /// It is the leaked value.
    Value {
        #[serde(flatten)]
        place: Place,
        #[serde(flatten)]
        leak: Reading,
    },
    /// Only its digest is known, and is that of this value.
    Hashed {
        #[serde(flatten)]
        place: Place,
        /// Which digest: `SHA-256`.
        by: &'static str,
    },
    /// The leaked value is a part of it.
    Inside {
        #[serde(flatten)]
        place: Place,
        #[serde(flatten)]
        leak: Reading,
        /// It covers nothing that lets somebody in by itself, as far as that can be told: it may have been cut off.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        partly: bool,
        /// The same, and it is less than half.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        doubtful: bool,
    },
    /// A password or key inside the leaked text stands in it.
    SharesPart {
        #[serde(flatten)]
        place: Place,
        #[serde(flatten)]
        leak: Reading,
        /// The part is short: it may be chance.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        doubtful: bool,
    },
    /// It stands inside the leaked text.
    InLeak,
}

/// How the leaked text was read to be recognised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// How what was found is encoded in the leaked text.
    #[serde(rename = "leak_encoded", skip_serializing_if = "Option::is_none")]
    pub encoded: Option<&'static str>,
    /// What of the leaked text it is a part of.
    #[serde(rename = "leak_part_of", skip_serializing_if = "Option::is_none")]
    pub part_of: Option<&'static str>,
    /// In what it is written otherwise.
    #[serde(rename = "written_with", skip_serializing_if = "Option::is_none")]
    pub written_with: Option<&'static str>,
}

impl Match {
    /// The stronger, and the more that is known of the place, the lower.
    pub fn rank(self) -> u8 {
        let known = |place: Place| u8::from(place.part_of.is_some()) + u8::from(place.field.is_some());
        match self {
            Self::Value { .. } | Self::Hashed { .. } => 0,
            Self::SharesPart { place, doubtful: false, .. } if place.is_whole() => 1,
            Self::Inside { place, doubtful: false, .. } => 4 - known(place),
            Self::SharesPart { place, doubtful: false, .. } => 6 - u8::from(place.field.is_some()),
            Self::InLeak => 7,
            Self::SharesPart { .. } | Self::Inside { .. } => 8,
        }
    }

    /// Whether it can hardly be chance.
    pub fn is_sure(self) -> bool {
        self.certainty() != Certainty::Unsure
    }

    /// How sure it is that this is what leaked.
    pub fn certainty(self) -> Certainty {
        match self {
            Self::Value { .. } | Self::Hashed { .. } => Certainty::Certain,
            Self::SharesPart { doubtful: false, place, .. } if place.is_whole() => Certainty::Certain,
            Self::InLeak | Self::SharesPart { doubtful: true, .. } | Self::Inside { doubtful: true, .. } => {
                Certainty::Unsure
            }
            Self::Inside { .. } | Self::SharesPart { .. } => Certainty::Likely,
        }
    }

    /// In words: `it is the leaked value`.
    pub fn describe(self) -> String {
        let at = |place: Place| {
            let field = place.field.map(|field| format!("the field `{field}` of ")).unwrap_or_default();
            let part = place.part_of.map(|part| {
                format!(
                    ", as {}",
                    if field.is_empty() { format!("a part of {part}") } else { format!("{field}{part}") }
                )
            });
            let encoded = place.encoded.map(|encoded| format!(", behind {encoded}"));
            part.unwrap_or_default() + &encoded.unwrap_or_default()
        };
        let read = |leak: Reading| {
            let part = leak.part_of.map(|part| format!("; leaked as a part of {part}"));
            let encoded = leak.encoded.map(|encoded| format!("; leaked behind {encoded}"));
            let written = leak.written_with.map(|written| format!("; written with {written}"));
            [part, encoded, written].into_iter().flatten().collect::<String>()
        };
        match self {
            Self::Value { place, leak } => format!("it is the leaked value{}{}", at(place), read(leak)),
            Self::Hashed { place, by } => format!("it is the leaked value, by its {by}{}", at(place)),
            Self::Inside { place, leak, partly: false, .. } => {
                format!("it holds the leaked value{}{}", at(place), read(leak))
            }
            Self::Inside { place, leak, doubtful, .. } => format!(
                "what leaked is a part of it{}{}; it may be cut off{}",
                at(place),
                read(leak),
                if doubtful { ", and is less than half: it may be chance" } else { "" }
            ),
            Self::SharesPart { place, leak, doubtful } => format!(
                "it holds a part of the leaked text, a password or key{}{}{}",
                at(place),
                read(leak),
                if doubtful { "; the part is short: it may be chance" } else { "" }
            ),
            Self::InLeak => "the leaked text holds it; it may be chance".to_owned(),
        }
    }
}
