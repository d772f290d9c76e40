//! `azure_storage_key`: a key of a storage account. The states are those of [`super::two_keys`].
//!
//! A key signs requests (SharedKey) and shared access signatures; regenerating it ends both.

use super::two_keys::{Door, Kind, Knock, Slot, decode, http_date, knocked, sign};
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

const API_VERSION: &str = "2023-05-01";
/// The version of the blob interface.
const BLOB_VERSION: &str = "2021-12-02";

pub(super) static KIND: Kind = Kind {
    title: "storage account",
    types: &["/microsoft.storage/storageaccounts/"],
    api_version: API_VERSION,
    regenerate: "regenerateKey",
    field: "keyName",
    slots: [Slot { name: "key1", asked: "key1", field: "key1" }, Slot { name: "key2", asked: "key2", field: "key2" }],
    knock: Some(knock),
};

/// Lists one container of the account.
fn knock(door: Door<'_>) -> LocalBoxFuture<'_, Knock> {
    async move {
        let Door { transport, realm, account, key, .. } = door;
        let date = http_date();
        let text = format!(
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{BLOB_VERSION}\n/{account}/\ncomp:list\nmaxresults:1"
        );
        let Some(signature) = decode(key).and_then(|key| sign(&key, &text)) else {
            return Knock::Refused("it is no key of a storage account".to_owned());
        };
        let authorization = format!("SharedKey {account}:{signature}");
        let headers = [("x-ms-date", date.as_str()), ("x-ms-version", BLOB_VERSION), ("authorization", &authorization)];
        let url = format!("https://{account}.blob.{}/?comp=list&maxresults=1", realm.storage);
        // 403 also means a firewall; only this code means the signature.
        knocked(transport.send("GET", &url, &headers, Vec::new()).await, |status, code| {
            status == 403 && ["AuthenticationFailed", "KeyBasedAuthenticationNotPermitted"].contains(&code)
        })
    }
    .boxed_local()
}
