//! The filters of a query.

use serde_json::Value;

use super::error::Refusal;

/// What the client wants to see of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filters {
    pub(crate) start_rank: Option<usize>,
    pub(crate) descending: bool,
    pub(crate) smart_album: Option<String>,
    pub(crate) parent: Option<String>,
    /// The later end of a span of capture dates, ms.
    pub(crate) newest: Option<i64>,
    /// The earlier end of a span of capture dates, ms.
    pub(crate) oldest: Option<i64>,
    /// The ids of `HyperionIndexCountLookup`.
    pub(crate) counts: Vec<String>,
}

impl Filters {
    /// Reads `filterBy`, which is a list, or an object where a count is asked for.
    pub(crate) fn of(query: &Value) -> Result<Self, Refusal> {
        let one = std::slice::from_ref(&query["filterBy"]);
        let filters = match &query["filterBy"] {
            Value::Null => &[],
            Value::Array(filters) => filters.as_slice(),
            _ => one,
        };
        let mut result = Self::default();
        for filter in filters {
            result.read(filter)?;
        }
        Ok(result)
    }

    fn read(&mut self, filter: &Value) -> Result<(), Refusal> {
        let name = filter["fieldName"].as_str().unwrap_or_default();
        let value = &filter["fieldValue"]["value"];
        let comparator = filter["comparator"].as_str().unwrap_or_default();
        let wrong = || Refusal::bad_request(format!("Invalid filter for field '{name}'"));
        let text = || value.as_str().map(str::to_owned).ok_or_else(wrong);
        let number = || value.as_i64().ok_or_else(wrong);
        if comparator != if name == "indexCountID" { "IN" } else { "EQUALS" } {
            return Err(wrong());
        }
        match name {
            "startRank" => self.start_rank = Some(usize::try_from(number()?).map_err(|_| wrong())?),
            "direction" => {
                self.descending = match value.as_str() {
                    Some("ASCENDING") => false,
                    Some("DESCENDING") => true,
                    _ => return Err(wrong()),
                }
            }
            "smartAlbum" => self.smart_album = Some(text()?),
            "parentId" => self.parent = Some(text()?),
            "startDate" => self.newest = Some(number()?),
            "endDate" => self.oldest = Some(number()?),
            "indexCountID" => {
                let ids = value.as_array().ok_or_else(wrong)?;
                self.counts = ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
            }
            _ => return Err(Refusal::bad_request(format!("Unknown field '{name}'"))),
        }
        Ok(())
    }
}
