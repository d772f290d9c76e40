//! What is encrypted or compressed is not looked through, and a miss says so.

use super::found;
use crate::stage::Stage;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKeyChain};
use serde_json::json;
use std::io::Write;

fn closed() -> Vec<(&'static str, String)> {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["x.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    let mut store = KeyStore::new();
    let chained = Certificate::from_der(certificate.der()).unwrap();
    let chain = PrivateKeyChain::new(key.serialize_der(), [1, 2, 3], [chained]);
    store.add_entry("x", KeyStoreEntry::PrivateKeyChain(chain));
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    zipped.write_all(b"{\"password\":\"Kq7mZ2tR9vL4xPp0\"}").unwrap();
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"dir","enc":"A256GCM"}"#);
    let body = STANDARD.encode([7; 200]);
    vec![
        ("a PFX", STANDARD.encode(store.writer("hunter").write().unwrap())),
        ("a key", format!("-----BEGIN ENCRYPTED PRIVATE KEY-----\n{body}\n-----END ENCRYPTED PRIVATE KEY-----\n")),
        (
            "an older key",
            format!(
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n{body}\n-----END RSA PRIVATE KEY-----\n"
            ),
        ),
        ("PGP", format!("-----BEGIN PGP MESSAGE-----\n\n{body}\n-----END PGP MESSAGE-----\n")),
        ("Ansible", "$ANSIBLE_VAULT;1.1;AES256\n62313365396662343061393464336163\n".to_owned()),
        ("SOPS", "password: ENC[AES256_GCM,data:p673w==,iv:YY=,tag:UQ=,type:str]\n".to_owned()),
        ("JWE", format!("{header}..aXYtb2YtaXQ.Y2lwaGVydGV4dA.dGFnLW9mLWl0")),
        ("compressed", STANDARD.encode(zipped.finish().unwrap())),
    ]
}

#[tokio::test]
async fn what_is_closed_leaves_the_question_open_on_either_side() {
    let stage = Stage::empty(&[]).await;
    stage.seed_in("kv-open", "other", &json!({ "value": "another-value-1" })).await;
    for (at, (what, text)) in closed().into_iter().enumerate() {
        let answer = found(&stage, &["kv-open"], &["--json"], &text).exit(5).json();
        assert_eq!(answer["complete"], false, "{what}: {answer}");
        let told = answer["not_tried"][0].as_str().unwrap();
        assert!(told.starts_with("what is inside of the leaked text"), "{what}: {answer}");
        let vault = format!("kv-closed-{at}");
        stage.seed_in(&vault, "closed", &json!({ "value": text })).await;
        let answer = found(&stage, &[&vault], &["--json"], "Kq7mZ2tR9vL4xPp0").exit(5).json();
        assert_eq!(answer["not_tried"], json!(["what is inside of 1 version: encrypted or compressed"]), "{what}");
        // The same text is what leaked, whatever is in it.
        let answer = found(&stage, &[&vault], &["--json"], &text).exit(0).json();
        assert_eq!(
            (&answer["found"][0]["certainty"], &answer["complete"]),
            (&json!("certain"), &json!(true)),
            "{what}"
        );
    }
}
