//! JSON as it arrives: borrowed from the answer's bytes, and never refused because of a type.
//!
//! Clients report that fields change their type between accounts (numbers as text, flags as booleans,
//! `value` null), so records are read through lenient accessors rather than through a schema.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// One JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Real(f64),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// What an absent member reads as.
static NULL: Json<'static> = Json::Null;

impl<'a> Json<'a> {
    /// Reads a whole document; trailing text is an error.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The member of that name, or null. Of a repeated member the last one counts.
    pub(super) fn get(&self, key: &str) -> &Json<'a> {
        match self {
            Self::Object(members) => {
                members.iter().rev().find(|(name, _)| name == key).map_or(&NULL, |(_, value)| value)
            }
            _ => &NULL,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The elements; none if this is no list.
    pub(super) fn elements(&self) -> &[Json<'a>] {
        match self {
            Self::List(elements) => elements,
            _ => &[],
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number, also from a boolean, a fraction or text.
    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Real(number) => whole(*number),
            Self::Bool(flag) => Some(i64::from(*flag)),
            Self::Text(text) => {
                let text = text.trim();
                text.parse().ok().or_else(|| whole(text.parse().ok()?))
            }
            _ => None,
        }
    }

    /// A flag: true, a number other than 0, or the text of either.
    pub(super) fn flag(&self) -> bool {
        match self {
            Self::Text(text) if text.eq_ignore_ascii_case("true") => true,
            other => other.integer().is_some_and(|number| number != 0),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "`as` saturates, which is what a timestamp needs")]
fn whole(number: f64) -> Option<i64> {
    number.is_finite().then_some(number as i64)
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Json::Integer(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Json::Real(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_string<E>(self, value: String) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Json::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((key, value)) = map.next_entry::<Json<'de>, Json<'de>>()? {
            // The key of a JSON object is always text.
            if let Json::Text(key) = key {
                members.push((key, value));
            }
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_from_whatever_it_comes_as() {
        for (text, expected) in [
            ("12", Some(12)),
            ("-5", Some(-5)),
            ("\"12\"", Some(12)),
            ("\" 1e3 \"", Some(1000)),
            ("1.9", Some(1)),
            ("true", Some(1)),
            ("99999999999999999999", Some(i64::MAX)),
            ("18446744073709551615", Some(i64::MAX)),
            ("null", None),
            ("\"many\"", None),
            ("{}", None),
        ] {
            assert_eq!(Json::parse(text.as_bytes()).unwrap().integer(), expected, "{text}");
        }
    }

    #[test]
    fn a_flag_is_read_from_whatever_it_comes_as() {
        for (text, expected) in
            [("1", true), ("0", false), ("true", true), ("false", false), ("null", false), ("\"1\"", true)]
        {
            assert_eq!(Json::parse(text.as_bytes()).unwrap().flag(), expected, "{text}");
        }
    }

    #[test]
    fn text_without_escapes_is_borrowed_and_the_last_of_two_members_counts() {
        let json = Json::parse(br#"{"a":"plain","b":"tab\t","a":"last"}"#).unwrap();
        assert!(matches!(json.get("a"), Json::Text(Cow::Borrowed("last"))));
        assert_eq!(json.get("b").text(), Some("tab\t"));
        assert!(json.get("c").is_null());
    }
}
