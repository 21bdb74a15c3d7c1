use super::*;

const A: &str = "4b700f8d48e69c9aae40c684ac7c7c03121e2b7602eb4c3514804ccada0ed401\
                 9193a351ecc65a6f854ede91eb096e721b22d701c7adc64e9cedacd75f2e26bb\
                 2f5e45dd53dc8dbeafffe82aa49fca0573444691212537a73cf80e2503925820\
                 5a7edf4749b30adaf25877c62fcd09d6613598bcd4baf2a9727a53706a278148\
                 992b2abb23ad5d512d269e16ca11bc0895b5a3b5ec4721cde40a8c39c796e94f\
                 0be86dbbeb33da7037018983921aba3f5053195d5ac1da4e567e3c0e75d9e060\
                 9f92e850657b2be4771f415b9cacc5c1ecedc30133bf6474f5022c6519d78076\
                 0ca4d8d3b966b034bd73877c1b3b33f474b9c3c5299a1968f3e6cd3bfe84445a";
const B: &str = "e487cb59d31ac550471e81f00f6928e01dda08e974a004f49e61f5d105284d20";
/// One more than [`B`]: with it, the public value begins with a zero byte.
const B_LEADING_ZERO: &str = "e487cb59d31ac550471e81f00f6928e01dda08e974a004f49e61f5d105284d21";
const SALT: &str = "8b1f9cc2d0e34ad29db0f4ce3c5a7716";
const USER: &str = "user@example.com";
const PASSWORD: &str = "Correct-Horse-7!";

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn run(password: &str, protocol: Protocol, iterations: u32, salt: &str, secret: &str) -> Exchange {
    let verifier = Verifier::new(password, protocol, iterations, unhex(salt));
    Exchange::with_secret(&verifier, USER, &unhex(A), &unhex(secret).try_into().unwrap()).unwrap()
}

#[track_caller]
fn assert_proofs(exchange: &Exchange, m1: &str, m2: &str) {
    assert_eq!(exchange.m1.to_vec(), unhex(m1));
    assert_eq!(exchange.m2.to_vec(), unhex(m2));
    assert!(exchange.proven(&unhex(m1), &unhex(m2)));
    assert!(!exchange.proven(&unhex(m2), &unhex(m2)) && !exchange.proven(&unhex(m1), &unhex(m1)));
}

#[test]
fn s2k_agrees_with_other_implementations() {
    let exchange = run(PASSWORD, Protocol::S2k, 20_064, SALT, B);
    assert_eq!(exchange.b[..4], [0x04, 0x26, 0x97, 0x27]);
    assert_proofs(
        &exchange,
        "c0be570d6a3b236b016226e952e5fe46694d2efcba65355d9cddb466e66bdb49",
        "281ee9bc01ac2b56c41e88c351607970cc0f2b483f2c1b3ea33a50e2a05efeb6",
    );
}

#[test]
fn s2k_fo_agrees_and_a_proof_may_begin_with_zero() {
    assert_proofs(
        &run(PASSWORD, Protocol::S2kFo, 20_064, SALT, B),
        "4e307cc085d0e7cdce5a0f38b1e8903273830afa3c9f59eeed45fd58c3af121b",
        "009fe2fb7d5346f736049e4bbbd2dff8454ba762e0057d0604324f10e6c35886",
    );
}

#[test]
fn the_salt_keeps_its_zeros_and_the_password_its_signs() {
    assert_proofs(
        &run("Pässwörd-✓", Protocol::S2k, 20_000, "00001f9cc2d0e34ad29db0f4ce3c5a77", B),
        "056b8969786ab0f5798fb632ed75ea40bb5cdce6133c0e5d81e39fce6fae03f8",
        "aecf09ec527d1d99e8c6460b9312048aec8c1590748c2967b16f64386d783d3c",
    );
}

#[test]
fn numbers_are_hashed_without_leading_zeros() {
    let exchange = run(PASSWORD, Protocol::S2k, 20_064, SALT, B_LEADING_ZERO);
    assert!(!exchange.unambiguous);
    assert_proofs(
        &exchange,
        "00d96d5284d921dca891a648e396c9889df19bb350c3ed988842d78b1d15e05c",
        "66b6b35f50280e67b01f3716ee0b9ef17cc0247dd729ae0990ac6756d73a4b44",
    );
}

#[test]
fn the_ambiguous_case_is_never_offered() {
    let verifier = Verifier::new(PASSWORD, Protocol::S2k, 1, unhex(SALT));
    for _ in 0..20 {
        let exchange = Exchange::start(&verifier, USER, &unhex(A)).unwrap();
        assert!(exchange.unambiguous && exchange.b[0] != 0);
    }
}

#[test]
fn values_that_would_give_the_game_away_are_refused() {
    let verifier = Verifier::new(PASSWORD, Protocol::S2k, 1, unhex(SALT));
    for a in [vec![], vec![0; 256], N.to_be_bytes().to_vec(), vec![1; 257]] {
        assert_eq!(Exchange::start(&verifier, USER, &a), None);
    }
}
