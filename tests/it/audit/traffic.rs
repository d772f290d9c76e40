//! Traffic of a vault as it is: applications that read their secrets, people, a deployment, nightly backups, refusals,
//! challenges, siblings of the secret's name; and, where they are asked for, attackers of every kind. Written as the
//! archive of a storage account, with the right answers beside it.

use chrono::{DateTime, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub(crate) const VAULT: &str = "contoso-prod-kv";
pub(crate) const TARGET: &str = "payments-db-password";
const RESOURCE: &str = "/SUBSCRIPTIONS/0F3C5A1E-7B42-4C1D-9E57-1A2B3C4D5E6F/RESOURCEGROUPS/RG-PLATFORM-SECRETS/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/CONTOSO-PROD-KV";
const AGENTS: [&str; 5] = [
    "azsdk-python-keyvault-secrets/4.8.0 Python/3.11.4 (Linux-5.15.0-1041-azure-x86_64-with-glibc2.31)",
    "azsdk-net-Security.KeyVault.Secrets/4.6.0 (.NET 8.0.3; Linux 5.15.149.1-microsoft-standard)",
    "azsdk-java-azure-security-keyvault-secrets/4.8.2 (17.0.9; Linux; 5.4.0-1109-azure)",
    "azsdk-js-keyvault-secrets/4.8.0 core-rest-pipeline/1.15.1 Node/20.11.1 OS/(x64-Linux-5.15.0)",
    "secrets-store-csi-driver-provider-azure/1.5.2 (linux/amd64) go1.21.8",
];
const WORDS: [&str; 12] =
    ["orders", "billing", "ledger", "search", "mail", "crm", "auth", "stock", "tax", "fraud", "pricing", "ship"];
const KINDS: [&str; 6] = ["db-password", "api-key", "sas-token", "conn-string", "signing-key", "smtp-password"];

/// Random numbers that are the same for the same seed (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    fn chance(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    fn hex(&mut self, digits: usize) -> String {
        format!("{:016x}{:016x}", self.roll(), self.roll()).chars().take(digits).collect()
    }

    fn guid(&mut self) -> String {
        let hex = self.hex(32);
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// Who calls.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) oid: String,
    appid: String,
    upn: Option<String>,
    resource: Option<String>,
    pub(crate) ips: Vec<String>,
    agent: String,
}

impl Caller {
    fn app(dice: &mut Dice) -> Self {
        let ips =
            (0..=dice.below(3)).map(|_| format!("10.{}.{}.{}", dice.below(60), dice.below(256), 1 + dice.below(254)));
        let ips = ips.collect();
        let resource = format!(
            "/subscriptions/0f3c5a1e/resourcegroups/rg-apps/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-{}-{}",
            dice.pick(&WORDS),
            dice.hex(4)
        );
        let agent = (*dice.pick(&AGENTS)).to_owned();
        Self { oid: dice.guid(), appid: dice.guid(), upn: None, resource: Some(resource), ips, agent }
    }

    fn person(dice: &mut Dice) -> Self {
        let ip = format!("{}.{}.{}.{}", 20 + dice.below(180), dice.below(256), dice.below(256), 1 + dice.below(254));
        Self {
            oid: dice.guid(),
            appid: "04b07795-8ddb-461a-bbee-02f9e1bf7b46".to_owned(),
            upn: Some(format!("{}.{}@contoso.com", dice.pick(&WORDS), dice.hex(4))),
            resource: None,
            ips: vec![ip],
            agent: "AZURECLI/2.58.0 azsdk-python-core/1.28.0 Python/3.11.7 (Linux-6.5.0)".to_owned(),
        }
    }

    /// Somebody whose tokens are driven by a tool.
    fn attacker(dice: &mut Dice, agent: &str) -> Self {
        Self { agent: agent.to_owned(), ips: Self::person(dice).ips, ..Self::app(dice) }
    }
}

/// One event before it becomes a line.
struct Deed<'a> {
    at: DateTime<Utc>,
    caller: Option<&'a Caller>,
    ip: String,
    operation: &'a str,
    status: u16,
    path: String,
    id: String,
    agent: Option<&'a str>,
}

/// An archive that was written.
#[derive(Default)]
pub(crate) struct Answers {
    /// By caller, address, operation and version: how often, from when to when.
    pub(crate) accesses: BTreeMap<[String; 4], (u64, String, String)>,
    /// By attacker and secret.
    pub(crate) reach: BTreeMap<[String; 2], u64>,
    pub(crate) known: BTreeSet<String>,
    /// The planted attackers, by what gives them away.
    pub(crate) attackers: BTreeMap<&'static str, String>,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

/// What to write.
pub(crate) struct Traffic {
    pub(crate) seed: u64,
    pub(crate) since: DateTime<Utc>,
    pub(crate) days: i64,
    pub(crate) events_per_hour: u64,
    /// Attackers come in from this hour on; none where there are none.
    pub(crate) attack_at: Option<i64>,
}

/// The vault's inhabitants.
struct World {
    secrets: Vec<String>,
    versions: Vec<Vec<String>>,
    apps: Vec<(Caller, Vec<usize>)>,
    /// The target's own users.
    users: Vec<Caller>,
    people: Vec<Caller>,
    backup: Caller,
    deployer: Caller,
    attackers: Vec<(&'static str, Caller)>,
}

impl World {
    fn new(dice: &mut Dice) -> Self {
        let mut secrets = vec![TARGET.to_owned(), format!("{TARGET}-old"), format!("legacy-{TARGET}")];
        while secrets.len() < 120 {
            let name = format!("{}-{}-{}", dice.pick(&WORDS), dice.hex(3), dice.pick(&KINDS));
            secrets.push(name);
        }
        let versions = secrets.iter().map(|_| (0..1 + dice.below(4)).map(|_| dice.hex(32)).collect()).collect();
        let count = secrets.len() as u64;
        let apps = (0..120).map(|_| {
            let reads = (0..1 + dice.below(9)).map(|_| usize::try_from(1 + dice.below(count - 1)).unwrap()).collect();
            (Caller::app(dice), reads)
        });
        let apps = apps.collect();
        let tools = [
            ("burst", "python-requests/2.31.0"),
            ("enumeration", AGENTS[0]),
            ("denied-then-success", AGENTS[1]),
            ("tool-user-agent", "curl/8.4.0"),
            ("sensitive-operation", AGENTS[2]),
            ("vault-changed", AGENTS[3]),
            ("mass-retrieval", AGENTS[0]),
            ("re-enabled", AGENTS[1]),
        ];
        let attackers = tools.map(|(kind, agent)| (kind, Caller::attacker(dice, agent))).to_vec();
        Self {
            secrets,
            versions,
            apps,
            users: (0..6).map(|_| Caller::app(dice)).collect(),
            people: (0..4).map(|_| Caller::person(dice)).collect(),
            backup: Caller::app(dice),
            deployer: Caller::app(dice),
            attackers,
        }
    }

    fn base() -> String {
        format!("https://{VAULT}.vault.azure.net")
    }

    fn get<'a>(&self, dice: &mut Dice, at: DateTime<Utc>, caller: &'a Caller, secret: usize, status: u16) -> Deed<'a> {
        let ip = dice.pick(&caller.ips).clone();
        let versions = &self.versions[secret];
        let newest = versions.last().unwrap();
        let name = &self.secrets[secret];
        // Now and then somebody spells it otherwise, or asks for a version by its number.
        let spelled = if dice.chance(40) { name.to_uppercase() } else { name.clone() };
        let (path, version) = if dice.chance(8) {
            let version = dice.pick(versions).clone();
            (format!("secrets/{spelled}/{version}"), version)
        } else {
            (format!("secrets/{spelled}"), newest.clone())
        };
        let id = if status == 200 { format!("secrets/{name}/{version}") } else { format!("secrets/{name}") };
        Deed { at, caller: Some(caller), ip, operation: "SecretGet", status, path, id, agent: None }
    }

    fn on<'a>(at: DateTime<Utc>, caller: &'a Caller, operation: &'a str, path: &str, status: u16) -> Deed<'a> {
        let (path, id) = (path.to_owned(), path.to_owned());
        Deed { at, caller: Some(caller), ip: caller.ips[0].clone(), operation, status, path, id, agent: None }
    }

    /// An ordinary hour.
    fn hour<'a>(&'a self, dice: &mut Dice, traffic: &Traffic, hour: i64) -> Vec<Deed<'a>> {
        let start = traffic.since + TimeDelta::hours(hour);
        let mut deeds = Vec::new();
        let by_day = if (7..=18).contains(&(hour % 24)) { 8 } else { 4 };
        for _ in 0..traffic.events_per_hour * by_day / 6 {
            let at = start + TimeDelta::microseconds(i64::try_from(dice.below(3_600_000_000)).unwrap());
            let (app, reads) = dice.pick(&self.apps);
            let secret = *dice.pick(reads);
            deeds.push(match dice.below(200) {
                0 => self.get(dice, at, app, secret, 403),
                1 | 2 => {
                    let path = format!("secrets/{}/versions", self.secrets[secret]);
                    Self::on(at, app, "SecretListVersions", &path, 200)
                }
                3..=5 => {
                    let mut challenge = Self::on(at, app, "Authentication", "secrets/x", 401);
                    challenge.caller = None;
                    challenge
                }
                6 | 7 => Self::on(at, app, "KeySign", "keys/token-signer/0123456789abcdef0123456789abcdef", 200),
                8 => Deed {
                    agent: Some("rotator/1.0 (job /secrets/payments-db-password/check)"),
                    ..Self::on(at, app, "VaultGet", "", 200)
                },
                _ => self.get(dice, at, app, secret, 200),
            });
        }
        for (nth, user) in self.users.iter().enumerate() {
            for _ in 0..=dice.below(4) + u64::from(nth == 0) * 6 {
                let at = start + TimeDelta::microseconds(i64::try_from(dice.below(3_600_000_000)).unwrap());
                let status = if dice.chance(100) { 403 } else { 200 };
                deeds.push(self.get(dice, at, user, 0, status));
            }
        }
        if dice.chance(6) {
            let person = dice.pick(&self.people);
            let secret = usize::try_from(1 + dice.below(30)).unwrap();
            deeds.push(self.get(dice, start + TimeDelta::minutes(7), person, secret, 200));
        }
        if hour % 24 == 2 {
            for (secret, name) in self.secrets.iter().enumerate() {
                let at = start + TimeDelta::seconds(i64::try_from(secret).unwrap());
                deeds.push(Self::on(at, &self.backup, "SecretBackup", &format!("secrets/{name}/backup"), 200));
            }
        }
        if hour % 24 == 10 {
            let path = format!("secrets/{}", self.secrets[5]);
            deeds.push(Self::on(start + TimeDelta::minutes(3), &self.deployer, "SecretSet", &path, 200));
        }
        deeds
    }

    /// What the attackers do, each in its way, beginning in one hour.
    fn attack<'a>(&'a self, dice: &mut Dice, start: DateTime<Utc>) -> Vec<Deed<'a>> {
        let mut deeds = Vec::new();
        let leaked = format!("secrets/{TARGET}/{}", self.versions[0].last().unwrap());
        for (kind, caller) in &self.attackers {
            let mut read = |minute: i64, second: i64, secret: usize, status: u16| {
                let at = start + TimeDelta::minutes(minute) + TimeDelta::seconds(second);
                self.get(dice, at, caller, secret, status)
            };
            match *kind {
                "burst" => deeds.extend((0..90).map(|nth| read(3, nth * 2, 0, 200))),
                "enumeration" => {
                    deeds.push(Self::on(start + TimeDelta::minutes(9), caller, "SecretList", "secrets", 200));
                    deeds.push(read(10, 0, 0, 200));
                    deeds.extend((0..8).map(|nth| read(11, nth, 10 + usize::try_from(nth).unwrap(), 200)));
                }
                "denied-then-success" => {
                    deeds.extend((0..7).map(|nth| read(20, nth * 20, 0, 403)));
                    deeds.push(read(25, 0, 0, 200));
                }
                "tool-user-agent" => deeds.extend((0..3).map(|nth| read(30 + nth, 0, 0, 200))),
                "sensitive-operation" => {
                    let path = format!("secrets/{TARGET}/backup");
                    deeds.push(Self::on(start + TimeDelta::minutes(33), caller, "SecretBackup", &path, 200));
                }
                "vault-changed" => {
                    deeds.push(Self::on(start + TimeDelta::minutes(35), caller, "VaultPatch", "", 200));
                    deeds.push(read(36, 0, 0, 200));
                    deeds.push(Self::on(start + TimeDelta::minutes(38), caller, "VaultPatch", "", 200));
                }
                "mass-retrieval" => {
                    deeds.push(read(40, 0, 0, 200));
                    deeds.extend((0..35).map(|nth| read(41, nth, 20 + usize::try_from(nth).unwrap(), 200)));
                }
                _ => {
                    // The version is refused, enabled by somebody, and read.
                    let user = &self.users[0];
                    let mut refused = Self::on(start + TimeDelta::minutes(50), user, "SecretGet", &leaked, 403);
                    refused.id = leaked.clone();
                    deeds.push(refused);
                    deeds.push(Self::on(start + TimeDelta::minutes(52), caller, "SecretUpdate", &leaked, 200));
                    deeds.push(Self::on(start + TimeDelta::minutes(53), caller, "SecretGet", &leaked, 200));
                }
            }
        }
        deeds
    }
}

impl Traffic {
    /// Writes the archive below `folder`.
    pub(crate) fn write(&self, folder: &Path) -> Answers {
        let mut dice = Dice(self.seed);
        let world = World::new(&mut dice);
        let mut answers = Answers {
            known: world.users.iter().chain([&world.backup]).map(|caller| caller.oid.clone()).collect(),
            ..Answers::default()
        };
        if self.attack_at.is_some() {
            answers.attackers = world.attackers.iter().map(|(kind, caller)| (*kind, caller.oid.clone())).collect();
        }
        let root = folder.join("insights-logs-auditevent").join(format!("resourceId={RESOURCE}"));
        for hour in 0..self.days * 24 {
            let start = self.since + TimeDelta::hours(hour);
            let mut deeds = world.hour(&mut dice, self, hour);
            if self.attack_at == Some(hour) {
                deeds.extend(world.attack(&mut dice, start));
            }
            deeds.sort_by_key(|deed| deed.at);
            let mut text = String::new();
            for deed in &deeds {
                answers.count(deed);
                text.push_str(&line(&mut dice, deed));
            }
            answers.bytes += text.len() as u64;
            let path = root.join(start.format("y=%Y/m=%m/d=%d/h=%H/m=00").to_string());
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join("PT1H.json"), text).unwrap();
        }
        answers
    }

    pub(crate) fn until(&self) -> DateTime<Utc> {
        self.since + TimeDelta::days(self.days)
    }
}

impl Answers {
    fn count(&mut self, deed: &Deed<'_>) {
        self.events += 1;
        let oid = deed.caller.map_or("", |caller| &caller.oid);
        let secret =
            |path: &str| path.strip_prefix("secrets/").map(|rest| rest.split('/').next().unwrap().to_lowercase());
        let time = time(deed.at);
        match secret(&deed.path).filter(|name| !name.is_empty()) {
            Some(name) if name == TARGET => {
                let version = [&deed.id, &deed.path]
                    .into_iter()
                    .find_map(|path| path.split('/').nth(2).filter(|part| part.len() == 32));
                let key = [oid, &deed.ip, deed.operation, version.unwrap_or("")].map(str::to_owned);
                let row = self.accesses.entry(key).or_insert((0, time.clone(), time.clone()));
                *row = (row.0 + 1, row.1.clone().min(time.clone()), row.2.clone().max(time));
            }
            Some(name) if self.attackers.values().any(|attacker| attacker == oid) => {
                *self.reach.entry([oid.to_owned(), name]).or_insert(0) += 1;
            }
            _ => {}
        }
    }
}

fn time(at: DateTime<Utc>) -> String {
    format!("{}0Z", at.format("%Y-%m-%dT%H:%M:%S%.6f"))
}

fn line(dice: &mut Dice, deed: &Deed<'_>) -> String {
    let base = World::base();
    let identity = deed.caller.map_or_else(
        || "{}".to_owned(),
        |caller| {
            let upn = caller.upn.as_ref().map_or_else(String::new, |upn| {
                format!(r#","http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn":"{upn}""#)
            });
            let resource = caller
                .resource
                .as_ref()
                .map_or_else(String::new, |resource| format!(r#","xms_az_nwperimid":[],"xms_mirid":"{resource}""#));
            format!(
                r#"{{"claim":{{"http://schemas.microsoft.com/identity/claims/objectidentifier":"{}"{upn},"appid":"{}"{resource}}}}}"#,
                caller.oid, caller.appid
            )
        },
    );
    let agent = deed.agent.or(deed.caller.map(|caller| caller.agent.as_str())).unwrap_or("azsdk");
    let signature = match deed.status {
        200 => "OK",
        401 => "Unauthorized",
        _ => "Forbidden",
    };
    format!(
        "{{\"time\":\"{}\",\"resourceId\":\"{RESOURCE}\",\"operationName\":\"{}\",\"operationVersion\":\"7.4\",\"category\":\"AuditEvent\",\"resultType\":\"Success\",\"resultSignature\":\"{signature}\",\"resultDescription\":\"\",\"durationMs\":\"{}\",\"callerIpAddress\":\"{}\",\"correlationId\":\"{}\",\"identity\":{identity},\"properties\":{{\"id\":\"{base}/{}\",\"clientInfo\":\"{agent}\",\"requestUri\":\"{base}/{}?api-version=7.4\",\"httpStatusCode\":{},\"isRbacAuthorized\":true,\"appliedAssignmentId\":\"{}\",\"tlsVersion\":\"TLS1_3\",\"subnetId\":\"(unknownsubnet)\",\"addrAuthType\":\"PublicIP\"}}}}\n",
        time(deed.at),
        deed.operation,
        7 + dice.below(300),
        deed.ip,
        dice.guid(),
        deed.id,
        deed.path,
        deed.status,
        dice.hex(32),
    )
}
