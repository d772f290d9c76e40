//! Who stanch is: which way to sign in answers, what it is called, and what is said when none does.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test ends where something is missing")]

use crate::stage::{Said, Stage};
use crate::surroundings::{Surroundings, azure, vault};
use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_identity::Executor;
use serde_json::{Value, json};
use stanch::azure::{
    Azure, BlobContainer, CloudFile, Environment, Graph, Identity, IdentityChoice, LogAnalytics, ResourceManager,
    Route, Transport,
};
use stanch::clock;
use stanch::vault::VaultUrl;
use std::ffi::OsStr;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Output};
use std::sync::{Arc, Mutex};

const SCOPE: &str = "https://vault.azure.net/.default";

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::new(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

async fn reads(azure: &Azure) {
    assert_eq!(vault(azure).versions("orders-db").await.unwrap(), []);
}

#[tokio::test]
async fn the_token_of_the_cloud_file_comes_before_all_else() {
    let cloud = Surroundings::new().await;
    let token = cloud.token().await;
    let azure =
        azure(&cloud.cloud_file(|file| file["token"] = json!(token)), IdentityChoice::AzureCli, Environment::default());
    assert_eq!(azure.identity.name(), None, "nobody is asked before the first request");
    reads(&azure).await;
    assert_eq!(azure.identity.name().as_deref(), Some("the token of the cloud file"));
    assert_eq!(azure.identity.principal().as_deref(), Some("oncall@contoso.com"));
    assert!(!format!("{azure:?}").contains(&token));
}

/// What holds a token, at every place that can be reached from outside.
#[tokio::test]
async fn nothing_that_holds_a_token_prints_it() {
    let cloud = Surroundings::new().await;
    let token = cloud.token().await;
    let path = cloud.cloud_file(|file| file["token"] = json!(token));
    let file = CloudFile::read(&path).unwrap();
    let azure = azure(&path, IdentityChoice::Auto, Environment::default());
    reads(&azure).await;
    let given = azure.identity.get_token(&[SCOPE], None).await.unwrap();
    assert_eq!(given.token.secret(), token);
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let login = "https://login.microsoftonline.com/contoso/oauth2/v2.0/token";
    let form =
        "grant_type=client_credentials&client_id=a-1&client_secret=s&scope=https%3A%2F%2Fvault.azure.net%2F.default";
    let answer = azure.transport.send("POST", login, &headers, form.into()).await.unwrap();
    let vault_url = VaultUrl::parse("https://kv-drill.vault.azure.net").unwrap();
    let workspace = LogAnalytics::new(uuid::Uuid::nil(), "kv-drill.vault.azure.net", &azure);
    let container = "https://acct.blob.core.windows.net/logs".parse().unwrap();
    let shown = [
        format!("{file:?}"),
        format!("{:?}", Route::Cloud(Box::new(file.clone()))),
        format!("{azure:?}"),
        format!("{:?}", azure.transport.cloud()),
        format!("{:?}", ResourceManager::new(&azure, &vault_url)),
        format!("{:?}", Graph::new(&azure, &vault_url)),
        format!("{workspace:?}"),
        format!("{:?}", BlobContainer::open(&container, &azure).unwrap()),
        format!("{:?}", vault(&azure)),
        format!("{given:?}"),
    ];
    for shown in shown {
        assert!(!shown.contains(&token), "{shown}");
    }
    let given = answer.json().unwrap()["access_token"].as_str().unwrap().to_owned();
    let begin = given.as_bytes().iter().take(8).map(u8::to_string).collect::<Vec<_>>().join(", ");
    assert!(!format!("{answer:?}").contains(&begin), "an answer may be a token: {answer:?}");
    assert!(!format!("{answer:?}").contains(&given), "an answer may be a token: {answer:?}");
}

#[tokio::test]
async fn a_managed_identity_answers_where_nothing_else_is_set_up() {
    let cloud = Surroundings::new().await;
    let azure = cloud.azure();
    reads(&azure).await;
    assert_eq!(azure.identity.name().as_deref(), Some("managed identity (IMDS)"));
    assert!(azure.identity.principal().is_some());
}

#[tokio::test]
async fn a_user_assigned_identity_is_asked_for_by_its_client_id() {
    let cloud = Surroundings::new().await;
    let choice = IdentityChoice::Managed { client_id: Some("c-42".to_owned()) };
    reads(&azure(&cloud.cloud_file(|_| {}), choice, Environment::default())).await;
    let calls = cloud.calls("GET", "/metadata/identity").await;
    assert!(calls[0]["query"].as_str().unwrap().contains("client_id=c-42"), "{calls:?}");
}

#[tokio::test]
async fn a_workload_identity_comes_first() {
    let cloud = Surroundings::new().await;
    let token_file = cloud.folder.path().join("federated-token");
    std::fs::write(&token_file, "header.claims.signature").unwrap();
    let environment = environment(&[
        ("AZURE_TENANT_ID", "t-1"),
        ("AZURE_CLIENT_ID", "c-1"),
        ("AZURE_FEDERATED_TOKEN_FILE", token_file.to_str().unwrap()),
    ]);
    let azure = azure(&cloud.cloud_file(|_| {}), IdentityChoice::Auto, environment);
    reads(&azure).await;
    assert_eq!(azure.identity.name().as_deref(), Some("workload identity"));
}

/// The official client reads App Service's variables by itself, so a process of its own is needed.
#[tokio::test]
async fn on_app_service_its_own_endpoint_is_asked() {
    let stage = Stage::set().await;
    let ready: Value = serde_json::from_slice(&std::fs::read(stage.ready_file()).unwrap()).unwrap();
    let endpoint = format!("{}/msi/token", ready["base_url"].as_str().unwrap());
    let mut command = stage.command(&stage.containment("r-app"));
    let said: Said = command.env("IDENTITY_ENDPOINT", endpoint).env("IDENTITY_HEADER", "x").output().unwrap().into();
    let run = said.exit(0).json();
    let steps = run["steps"].as_array().unwrap();
    let check = steps.iter().find(|step| step["uses"] == "keyvault/check").unwrap();
    assert_eq!(check["outputs"]["identity"], "managed identity (App Service)");
}

/// The official client asks again by itself, after ever longer pauses: five of them are longer than we wait at once,
/// which the heavy suite does.
#[tokio::test]
async fn a_metadata_service_in_trouble_is_outlasted() {
    let times = if crate::stage::is_heavy() { 6 } else { 1 };
    let stage = Stage::set().await;
    let trouble = json!({ "match": { "host": "169.254.169.254" }, "times": times, "do": { "status": 503 } });
    stage.fault(&trouble).await;
    let run = stage.stanch(&stage.containment("r-metadata")).exit(0).json();
    let steps = run["steps"].as_array().unwrap();
    let check = steps.iter().find(|step| step["uses"] == "keyvault/check").unwrap();
    assert_eq!(check["outputs"]["identity"], "managed identity (IMDS)");
}

fn service_principal() -> Environment {
    environment(&[
        ("AZURE_TENANT_ID", "t-1"),
        ("AZURE_CLIENT_ID", "c-1"),
        ("AZURE_CLIENT_SECRET", "client-secret-canary"),
    ])
}

#[tokio::test]
async fn a_client_secret_outlasts_a_token_endpoint_in_trouble() {
    let cloud = Surroundings::new().await;
    cloud.fault(json!({ "host": "login.microsoftonline.com" }), 0, 2, json!({ "status": 503 })).await;
    let azure = azure(&cloud.cloud_file(|_| {}), IdentityChoice::ClientSecret, service_principal());
    reads(&azure).await;
    assert_eq!(azure.identity.name().as_deref(), Some("client secret from the environment"));
    assert!(!format!("{:?}", service_principal()).contains("client-secret-canary"));
}

#[tokio::test]
async fn when_nobody_answers_everyone_who_was_asked_is_named() {
    let cloud = Surroundings::new().await;
    let file = cloud.cloud_file(|file| file["hosts"] = json!(["*.vault.azure.net"]));
    let azure = azure(&file, IdentityChoice::Auto, Environment::default());
    let failure = vault(&azure).versions("orders-db").await.unwrap_err();
    assert_eq!(failure.summary, "no identity to sign in with");
    assert_eq!(
        failure.reasons,
        [
            "workload identity: AZURE_CLIENT_ID is not set",
            "managed identity (IMDS): the cloud file does not stand for `169.254.169.254`",
            "client secret from the environment: AZURE_TENANT_ID is not set",
            "Azure CLI: not used in a drill",
            "Azure Developer CLI: not used in a drill",
        ]
    );
    assert!(failure.help.unwrap().contains("az login"));
    assert_eq!(azure.identity.name(), None);
}

/// Answers as `az` and `azd` do.
#[derive(Debug)]
struct Tool {
    code: i32,
    stdout: String,
    ran: Mutex<Vec<String>>,
}

#[async_trait]
impl Executor for Tool {
    async fn run(&self, _: &OsStr, arguments: &[&OsStr]) -> io::Result<Output> {
        self.ran.lock().unwrap().push(arguments.last().unwrap().to_string_lossy().into_owned());
        let (status, stdout) = (ExitStatus::from_raw(self.code << 8), self.stdout.clone().into_bytes());
        Ok(Output { status, stdout, stderr: b"sh: not found".to_vec() })
    }
}

fn developer(choice: IdentityChoice, tool: &Arc<Tool>) -> Identity {
    let executor: Arc<dyn Executor> = tool.clone();
    let transport = Transport::new(Route::Real, "0123456789ab").unwrap();
    Identity::new(choice, transport, Environment::default().with_executor(executor))
}

#[tokio::test]
async fn the_azure_cli_is_run_once_for_many_requests() {
    let expires = clock::now().timestamp() + 3600;
    let stdout = json!({ "accessToken": "not-a-jwt", "expires_on": expires, "tokenType": "Bearer" }).to_string();
    let tool = Arc::new(Tool { code: 0, stdout, ran: Mutex::default() });
    let identity = developer(IdentityChoice::AzureCli, &tool);
    for _ in 0..3 {
        assert_eq!(identity.get_token(&[SCOPE], None).await.unwrap().token.secret(), "not-a-jwt");
    }
    let ran = tool.ran.lock().unwrap().clone();
    assert_eq!(ran.len(), 1, "{ran:?}");
    assert!(ran[0].contains(&format!("az account get-access-token -o json --scope {SCOPE}")), "{ran:?}");
    assert_eq!(identity.name().as_deref(), Some("Azure CLI"));
    assert_eq!(identity.principal(), None, "the token tells nothing");
}

#[tokio::test]
async fn a_tool_that_is_missing_is_said_to_be() {
    for (choice, name) in [(IdentityChoice::AzureCli, "az"), (IdentityChoice::AzureDeveloperCli, "azd")] {
        let tool = Arc::new(Tool { code: 127, stdout: String::new(), ran: Mutex::default() });
        let error = developer(choice, &tool).get_token(&[SCOPE], None).await.unwrap_err();
        let failure = format!("{error:?}");
        assert!(failure.contains(&format!("{name} not found on PATH")), "{failure}");
    }
}
