//! `redis_key`: an access key of an Azure Cache for Redis. The states are those of [`super::two_keys`].
//!
//! A cache speaks no HTTP, so a key is not tried at it: the proof is that the issuer's listing no longer has it.

use super::two_keys::{Kind, Slot};

pub(super) static KIND: Kind = Kind {
    title: "cache for Redis",
    types: &["/microsoft.cache/redis/"],
    api_version: "2023-08-01",
    regenerate: "regenerateKey",
    field: "keyType",
    slots: [
        Slot { name: "primary", asked: "Primary", field: "primaryKey" },
        Slot { name: "secondary", asked: "Secondary", field: "secondaryKey" },
    ],
    knock: None,
};
