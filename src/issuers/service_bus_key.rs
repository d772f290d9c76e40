//! `service_bus_key`: a key of an authorization rule of a Service Bus namespace. The states are those of
//! [`super::two_keys`]; the address ends in the rule: `…/namespaces/NAME/AuthorizationRules/RULE`.

use super::two_keys::{Door, Kind, Knock, Slot, knocked, sign};
use crate::clock;
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

/// How long the signature lasts that the key is tried with.
const LIFE_SECONDS: i64 = 300;

pub(super) static KIND: Kind = Kind {
    title: "rule of a Service Bus namespace",
    types: &["/microsoft.servicebus/namespaces/", "/authorizationrules/"],
    api_version: "2021-11-01",
    regenerate: "regenerateKeys",
    field: "keyType",
    slots: [
        Slot { name: "primary", asked: "PrimaryKey", field: "primaryKey" },
        Slot { name: "secondary", asked: "SecondaryKey", field: "secondaryKey" },
    ],
    knock: Some(knock),
};

/// Lists the namespace's queues.
fn knock(door: Door<'_>) -> LocalBoxFuture<'_, Knock> {
    async move {
        let Door { transport, realm, account, rule, key } = door;
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let resource = encode(&format!("https://{account}.{}/", realm.service_bus));
        let expires = clock::now().timestamp() + LIFE_SECONDS;
        // The key is used as it is written, not decoded.
        let Some(signature) = sign(key.expose().as_bytes(), &format!("{resource}\n{expires}")) else {
            return Knock::NoAnswer("no signature can be made".to_owned());
        };
        let authorization =
            format!("SharedAccessSignature sr={resource}&sig={}&se={expires}&skn={}", encode(&signature), encode(rule));
        let url = format!("https://{account}.{}/$Resources/Queues?api-version=2017-04&$top=1", realm.service_bus);
        let answer = transport.send("GET", &url, &[("authorization", authorization.as_str())], Vec::new()).await;
        knocked(answer, |status, _| status == 401)
    }
    .boxed_local()
}
