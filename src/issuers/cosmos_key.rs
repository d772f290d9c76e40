//! `cosmos_key`: a read-write key of a Cosmos DB account. The states are those of [`super::two_keys`].

use super::two_keys::{Door, Kind, Knock, Slot, decode, http_date, knocked, sign};
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

const API_VERSION: &str = "2024-05-15";
/// The version of the data interface.
const DATA_VERSION: &str = "2018-12-31";

pub(super) static KIND: Kind = Kind {
    title: "Cosmos DB account",
    types: &["/microsoft.documentdb/databaseaccounts/"],
    api_version: API_VERSION,
    regenerate: "regenerateKey",
    field: "keyKind",
    slots: [
        Slot { name: "primary", asked: "primary", field: "primaryMasterKey" },
        Slot { name: "secondary", asked: "secondary", field: "secondaryMasterKey" },
    ],
    knock: Some(knock),
};

/// Lists the account's databases.
fn knock(door: Door<'_>) -> LocalBoxFuture<'_, Knock> {
    async move {
        let Door { transport, realm, account, key, .. } = door;
        let date = http_date();
        let text = format!("get\ndbs\n\n{}\n\n", date.to_lowercase());
        let Some(signature) = decode(key).and_then(|key| sign(&key, &text)) else {
            return Knock::Refused("it is no key of a Cosmos DB account".to_owned());
        };
        let authorization = format!("type=master&ver=1.0&sig={signature}");
        let authorization =
            percent_encoding::utf8_percent_encode(&authorization, percent_encoding::NON_ALPHANUMERIC).to_string();
        let headers = [("x-ms-date", date.as_str()), ("x-ms-version", DATA_VERSION), ("authorization", &authorization)];
        let url = format!("https://{account}.{}/dbs", realm.cosmos);
        knocked(transport.send("GET", &url, &headers, Vec::new()).await, |status, _| status == 401)
    }
    .boxed_local()
}
