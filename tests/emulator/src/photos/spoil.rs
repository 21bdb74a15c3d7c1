//! Faults that spoil the records of an answer.

use serde_json::{Value, json};

use crate::Request;
use crate::faults::Effect;

/// Spoils records as the faults of the request say.
pub(crate) fn spoil(request: &Request, mut records: Vec<Value>) -> Vec<Value> {
    for effect in &request.effects {
        match effect {
            Effect::GarbledRecord => garble(&mut records),
            Effect::RepeatedRecords => {
                records = records.iter().flat_map(|r| [r.clone(), r.clone()]).collect();
            }
            _ => {}
        }
    }
    records
}

/// Gives the fields of one asset values of types that they never have.
fn garble(records: &mut [Value]) {
    let asset = records.iter_mut().find(|record| record["recordType"] == "CPLAsset");
    if let Some(fields) = asset.and_then(|record| record["fields"].as_object_mut()) {
        for value in fields.values_mut() {
            *value = json!({"value": [{"garbage": 1}], "type": "UNHEARD_OF"});
        }
    }
}
