//! A small client of its own: the other half of SRP, and the bookkeeping of a sign-in.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_bigint::modular::{MontyForm, MontyParams};
use crypto_bigint::{Encoding as _, Odd, U2048};
use http_body_util::BodyExt as _;
use hyper::{HeaderMap, Method};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::auth;
use crate::kind::{Kind, Role};
use crate::reply::Reply;
use crate::request::{Request, parse_query};
use crate::setup;
use crate::state::State;

const WIDGET_KEY: &str = "d39ba9916b7251055b22c7f910e2ea796ee65e98b2ddecea8f5dde8d9d1a815d";
const N: &str = "ac6bdb41324a9a9bf166de5e1389582faf72b6651987ee07fc3192943db56050\
                 a37329cbb4a099ed8193e0757767a13dd52312ab4b03310dcd7f48a9da04fd50\
                 e8083969edb767b0cf6095179a163ab3661a05fbd5faaae82918a9962f0b93b8\
                 55f97993ec975eeaa80d740adbf4ff747359d041d5c33ea71d281e446b14773b\
                 ca97b43a23fb801676bd207a436c6481f1d2b9078717461a5b9d32e688f87748\
                 544523b524b0d57d5ea77a2775d2ecfa032cfbdbf52fb3786160279004e57ae6\
                 af874e7303ce53299ccc041c7bc308d82a5698f3a8d0c38271ae35f8e9dbfbb6\
                 94b5c803d89f7ae435de236d525f54759b65e372fcd68ef20fa7111f9e4aff73";

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    pub(super) text: String,
}

impl Answer {
    async fn of(reply: Reply) -> Self {
        let (parts, body) = reply.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status: parts.status.as_u16(), headers: parts.headers, body, text }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// What a client remembers between its requests. Everything may be changed to do something wrong.
pub(super) struct Client {
    state: Arc<State>,
    pub(super) headers: HeaderMap,
    pub(super) accept: &'static str,
    pub(super) session_token: String,
    pub(super) trust_token: Option<String>,
    pub(super) name: String,
}

impl Client {
    pub(super) fn new(state: &Arc<State>) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("origin", "https://www.icloud.com"),
            ("x-apple-widget-key", WIDGET_KEY),
            ("x-apple-oauth-client-id", WIDGET_KEY),
            ("x-apple-oauth-client-type", "firstPartyAuth"),
            ("x-apple-oauth-redirect-uri", "https://www.icloud.com"),
            ("x-apple-oauth-require-grant-code", "true"),
            ("x-apple-oauth-response-mode", "web_message"),
            ("x-apple-oauth-response-type", "code"),
            ("x-apple-oauth-state", "auth-2b1c62ce-44f7-4d83-9f0e-b6a0d9a77d1c"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        Self {
            state: Arc::clone(state),
            headers,
            accept: "application/json",
            session_token: String::new(),
            trust_token: None,
            name: state.account().options.name.clone(),
        }
    }

    fn request(&self, role: Role, host: &str, method: Method, path: &str, body: &Value) -> Request {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut headers = self.headers.clone();
        headers.insert("accept", self.accept.parse().unwrap());
        Request {
            kind: Kind::of(role, &method, path, &body).expect("the request is known"),
            method,
            host: host.to_owned(),
            path: path.to_owned(),
            query: parse_query(query),
            headers,
            cookies: Vec::new(),
            body: body.into(),
            connection: 0,
            effects: Vec::new(),
        }
    }

    /// Asks the sign-in host, and remembers what every answer brings.
    pub(super) async fn ask(&mut self, method: Method, path: &str, body: Value) -> Answer {
        let path = format!("/appleauth/auth{path}");
        let request = self.request(Role::SignIn, "idmsa.apple.com", method, &path, &body);
        let answer = Answer::of(auth::answer(&self.state, &request)).await;
        for name in ["scnt", "x-apple-id-session-id"] {
            if let Some(value) = answer.headers.get(name) {
                self.headers.insert(name, value.clone());
            }
        }
        if let Some(token) = answer.header("x-apple-session-token") {
            token.clone_into(&mut self.session_token);
        }
        if let Some(token) = answer.header("x-apple-twosv-trust-token") {
            self.trust_token = Some(token.to_owned());
        }
        answer
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.ask(Method::GET, path, Value::Null).await
    }

    pub(super) async fn put(&mut self, path: &str, body: Value) -> Answer {
        self.ask(Method::PUT, path, body).await
    }

    pub(super) async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, body).await
    }

    /// Both halves of SRP.
    pub(super) async fn sign_in(&mut self, password: &str) -> Answer {
        let secret = exponent(&crate::random::bytes::<32>());
        let a = power(&U2048::from_u8(2), &secret).to_be_bytes();
        let told = self
            .post(
                "/signin/init",
                json!({ "a": STANDARD.encode(a), "accountName": self.name, "protocols": ["s2k", "s2k_fo"] }),
            )
            .await;
        if told.status != 200 {
            return told;
        }
        let (m1, m2) = prove(&self.name, password, &secret, &a, &told.body);
        let trust_tokens: Vec<&str> = self.trust_token.as_deref().into_iter().collect();
        let proof = json!({
            "accountName": self.name,
            "c": told.body["c"],
            "m1": STANDARD.encode(m1),
            "m2": STANDARD.encode(m2),
            "rememberMe": true,
            "trustTokens": trust_tokens,
        });
        self.post("/signin/complete?isRememberMeEnabled=true", proof).await
    }

    /// The answer of accountLogin to what the client has.
    pub(super) async fn account_login(&self) -> Answer {
        let body = json!({
            "accountCountryCode": "USA",
            "dsWebAuthToken": self.session_token,
            "extended_login": true,
            "trustToken": self.trust_token.as_deref().unwrap_or_default(),
        });
        let path = "/setup/ws/1/accountLogin";
        let request = self.request(Role::Setup, "setup.icloud.com", Method::POST, path, &body);
        Answer::of(setup::answer(&self.state, &request)).await
    }
}

fn modulus() -> Odd<U2048> {
    Odd::<U2048>::from_be_hex(N)
}

fn exponent(bytes: &[u8]) -> U2048 {
    let mut padded = [0; 256];
    padded[256 - bytes.len()..].copy_from_slice(bytes);
    U2048::from_be_bytes(padded)
}

fn residue(number: &U2048) -> MontyForm<{ U2048::LIMBS }> {
    MontyForm::new(number, MontyParams::new(modulus()))
}

fn power(base: &U2048, exponent: &U2048) -> U2048 {
    residue(base).pow(exponent).retrieve()
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    parts.iter().fold(Sha256::new(), Sha256::chain_update).finalize().into()
}

#[allow(clippy::many_single_char_names, reason = "the names of the standard (RFC 5054)")]
/// The client's half: S = (B - k g^x)^(a + u x).
fn prove(name: &str, password: &str, secret: &U2048, a: &[u8; 256], told: &Value) -> ([u8; 32], [u8; 32]) {
    let bytes = |field: &str| STANDARD.decode(told[field].as_str().unwrap()).unwrap();
    let (salt, b) = (bytes("salt"), bytes("b"));
    let digest = hash(&[password.as_bytes()]);
    let key_material = match told["protocol"].as_str().unwrap() {
        "s2k" => digest.to_vec(),
        _ => crate::random::hex(&digest).into_bytes(),
    };
    let rounds = u32::try_from(told["iteration"].as_u64().unwrap()).unwrap();
    let mut key = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(&key_material, &salt, rounds, &mut key);

    let g = U2048::from_u8(2).to_be_bytes();
    let n = modulus().to_be_bytes();
    let x = exponent(&hash(&[&salt, &hash(&[b":", &key])]));
    let k = exponent(&hash(&[&n, &g]));
    let u = exponent(&hash(&[a, &b]));
    let base = residue(&exponent(&b)) - residue(&k) * residue(&power(&U2048::from_u8(2), &x));
    let s = base.pow(&secret.wrapping_add(&u.wrapping_mul(&x))).retrieve().to_be_bytes();

    let trim = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    let session_key = hash(&[&trim(&s)]);
    let group: Vec<u8> = hash(&[&n]).iter().zip(hash(&[&g])).map(|(n, g)| n ^ g).collect();
    let m1 = hash(&[&group, &hash(&[name.as_bytes()]), &salt, &trim(a), &trim(&b), &session_key]);
    (m1, hash(&[&trim(a), &m1, &session_key]))
}
