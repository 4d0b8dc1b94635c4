//! A session as an object of BSON, as connect-mongo keeps it with `stringify: false`: from JSON text, and back to it.
//!
//! What is written is what Node's driver writes for the same JSON, and what is read is what `JSON.stringify` gives there.

use std::fmt::{self, Write as _};

use mongodb::bson::raw::CStr;
use mongodb::bson::{DateTime, RawArrayBuf, RawBson, RawBsonRef, RawDocument, RawDocumentBuf};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer as JsonReader;

use crate::moment::{iso, millis_of_iso};

/// Up to here a JavaScript number, and a double, holds each whole number.
const EXACT: i64 = 1 << 53;

/// The object that this JSON text stands for; `None` if it stands for none, or holds what BSON cannot hold: a NUL in
/// a key, half of a surrogate pair, a whole number above 63 bits, a number above all doubles, 128 levels.
pub(crate) fn from_json(payload: &str) -> Option<RawDocumentBuf> {
    let mut reader = JsonReader::from_str(payload);
    let value = Place::Session.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    match value {
        RawBson::Document(object) => Some(object),
        _ => None,
    }
}

/// Where in the session a value is: `cookie.expires` is the one text that Node keeps as a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Session,
    Cookie,
    CookieExpires,
    Elsewhere,
}

impl Place {
    fn of_member(self, key: &str) -> Self {
        match (self, key) {
            (Self::Session, "cookie") => Self::Cookie,
            (Self::Cookie, "expires") => Self::CookieExpires,
            _ => Self::Elsewhere,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Place {
    type Value = RawBson;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawBson, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place {
    type Value = RawBson;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON that BSON can hold")
    }
    fn visit_unit<E>(self) -> Result<RawBson, E> {
        Ok(RawBson::Null)
    }
    fn visit_bool<E>(self, flag: bool) -> Result<RawBson, E> {
        Ok(RawBson::Boolean(flag))
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<RawBson, E> {
        self.visit_i64(i64::try_from(number).map_err(E::custom)?)
    }
    fn visit_i64<E>(self, number: i64) -> Result<RawBson, E> {
        #[allow(clippy::cast_precision_loss, reason = "it is within what a double holds exactly")]
        Ok(match i32::try_from(number) {
            Ok(number) => RawBson::Int32(number),
            Err(_) if (-EXACT..=EXACT).contains(&number) => RawBson::Double(number as f64),
            Err(_) => RawBson::Int64(number),
        })
    }
    fn visit_f64<E>(self, number: f64) -> Result<RawBson, E> {
        Ok(RawBson::Double(number))
    }
    fn visit_str<E>(self, text: &str) -> Result<RawBson, E> {
        let date = (self == Self::CookieExpires).then(|| millis_of_iso(text)).flatten();
        Ok(match date {
            Some(ms) => RawBson::DateTime(DateTime::from_millis(ms)),
            None => RawBson::String(text.to_owned()),
        })
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawBson, A::Error> {
        let mut array = RawArrayBuf::new();
        while let Some(value) = seq.next_element_seed(Self::Elsewhere)? {
            array.push(value);
        }
        Ok(RawBson::Array(array))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawBson, A::Error> {
        let mut object = RawDocumentBuf::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(self.of_member(&key))?;
            let key = <&CStr>::try_from(key.as_str()).map_err(|_| A::Error::custom("a NUL in a key"))?;
            object.append(key, value);
        }
        Ok(RawBson::Document(object))
    }
}

/// The JSON text of an object; `None` if it is damaged, or holds a type of which Node makes no JSON.
pub(crate) fn to_json(object: &RawDocument) -> Option<String> {
    let mut json = String::with_capacity(object.as_bytes().len());
    write_object(object, &mut json)?;
    Some(json)
}

fn write_object(object: &RawDocument, json: &mut String) -> Option<()> {
    json.push('{');
    let mut first = true;
    for member in object {
        let (key, value) = member.ok()?;
        // JSON.stringify leaves these out.
        if matches!(value, RawBsonRef::Undefined) {
            continue;
        }
        if !std::mem::take(&mut first) {
            json.push(',');
        }
        write_text(key.as_str(), json)?;
        json.push(':');
        write_value(value, json)?;
    }
    json.push('}');
    Some(())
}

fn write_value(value: RawBsonRef<'_>, json: &mut String) -> Option<()> {
    match value {
        RawBsonRef::Null | RawBsonRef::Undefined => json.push_str("null"),
        RawBsonRef::Boolean(flag) => json.push_str(if flag { "true" } else { "false" }),
        RawBsonRef::Int32(number) => write!(json, "{number}").ok()?,
        RawBsonRef::Int64(number) => write!(json, "{number}").ok()?,
        RawBsonRef::Double(number) => write_double(number, json)?,
        RawBsonRef::String(text) => write_text(text, json)?,
        RawBsonRef::DateTime(date) => match iso(date.timestamp_millis()) {
            Some(text) => write_text(&text, json)?,
            None => json.push_str("null"),
        },
        RawBsonRef::ObjectId(id) => write_text(&id.to_hex(), json)?,
        RawBsonRef::Document(object) => write_object(object, json)?,
        RawBsonRef::Array(array) => {
            json.push('[');
            for (n, value) in array.into_iter().enumerate() {
                if n > 0 {
                    json.push(',');
                }
                write_value(value.ok()?, json)?;
            }
            json.push(']');
        }
        _ => return None,
    }
    Some(())
}

fn write_text(text: &str, json: &mut String) -> Option<()> {
    json.push_str(&serde_json::to_string(text).ok()?);
    Some(())
}

/// A whole number without a point, as JavaScript writes it; what is no number, as null.
fn write_double(number: f64, json: &mut String) -> Option<()> {
    if number == 0.0 {
        json.push('0');
    } else if number.fract() == 0.0 && number.abs() < 1e21 {
        write!(json, "{number:.0}").ok()?;
    } else {
        json.push_str(&serde_json::to_string(&number).ok()?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, Document, doc};

    use super::*;

    fn document(payload: &str) -> Document {
        Document::try_from(from_json(payload).unwrap()).unwrap()
    }

    fn there_and_back(payload: &str) -> String {
        to_json(&from_json(payload).unwrap()).unwrap()
    }

    #[test]
    fn values_are_kept_as_node_keeps_them() {
        let object = document(
            r#"{"cookie":{"originalMaxAge":2592000000,"expires":"2030-01-01T00:00:00.250Z","secure":null},
                "expires":"2030-01-01T00:00:00.250Z","n":1,"f":1.5,"big":9007199254740993,"a":[true,"x",[]]}"#,
        );
        let date = Bson::DateTime(DateTime::from_millis(1_893_456_000_250));
        assert_eq!(
            object,
            doc! { "cookie": { "originalMaxAge": 2_592_000_000_f64, "expires": date, "secure": Bson::Null },
            "expires": "2030-01-01T00:00:00.250Z", "n": 1, "f": 1.5, "big": 9_007_199_254_740_993_i64,
            "a": [true, "x", []] }
        );
    }

    #[test]
    fn what_is_written_is_read_back_in_its_order() {
        for payload in [
            r#"{"cookie":{"originalMaxAge":2592000000,"expires":"2030-01-01T00:00:00.250Z"},"z":1,"a":{"y":[null,0.1,-7]}}"#,
            r#"{"cookie":{"expires":null,"path":"/"},"$set":{"a.b":"$x"},"":"","é\"\\\n":"😀"}"#,
            r#"{"cookie":{"expires":"tomorrow"},"n":[9223372036854775807,-9007199254740993,1e+300]}"#,
        ] {
            assert_eq!(there_and_back(payload), payload);
        }
        // The same values in JavaScript's spelling.
        assert_eq!(there_and_back(r#" {"a" : [1.0, 1e3, -0, 2.50]} "#), r#"{"a":[1,1000,0,2.5]}"#);
    }

    #[test]
    fn what_bson_cannot_hold_is_refused() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        for payload in
            ["", "[]", "7", "{", r#"{"a\u0000b":1}"#, r#"{"a":"\ud800"}"#, r#"{"a":18446744073709551615}"#]
        {
            assert!(from_json(payload).is_none(), "{payload}");
        }
        assert!(from_json(r#"{"a":1e400}"#).is_none());
        assert!(from_json(&deep).is_none());
    }

    #[test]
    fn types_of_node_applications_become_what_json_stringify_makes_of_them() {
        let id = mongodb::bson::oid::ObjectId::from_bytes([7; 12]);
        let object = doc! { "u": id, "at": DateTime::from_millis(-1), "nan": f64::NAN, "no": Bson::Undefined,
        "late": DateTime::MAX, "in": [Bson::Undefined] };
        let raw = RawDocumentBuf::try_from(&object).unwrap();
        let json = r#"{"u":"070707070707070707070707","at":"1969-12-31T23:59:59.999Z","nan":null,"late":null,"in":[null]}"#;
        assert_eq!(to_json(&raw).unwrap(), json);
        let strange = RawDocumentBuf::try_from(&doc! { "a": Bson::MaxKey }).unwrap();
        assert!(to_json(&strange).is_none());
    }
}
