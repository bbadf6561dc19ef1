//! The part of JSON Schema that arguments are held to: types, required and unknown properties, items, enumerations and
//! bounds. What it does not know (`anyOf`, `$ref`, formats) it lets pass: a remote server judges that itself.

use serde_json::Value;

use crate::error::{Error, Result};

const DEEPEST: usize = 12;
const MOST_BYTES: usize = 16_000;

/// Whether a schema can be used for parameters.
pub fn check(field: &str, schema: &Value) -> Result<()> {
    let wrong = |why: &str| Err(Error::invalid(field, why.to_owned()));
    if schema["type"] != "object" {
        return wrong("must be a JSON Schema with \"type\": \"object\"");
    }
    if schema.to_string().len() > MOST_BYTES {
        return wrong("is larger than 16 kB");
    }
    if schema.get("properties").is_some_and(|properties| !properties.is_object()) {
        return wrong("must have an object in `properties`");
    }
    if schema.get("required").is_some_and(|names| !names.as_array().is_some_and(|names| names.iter().all(Value::is_string))) {
        return wrong("must have a list of names in `required`");
    }
    Ok(())
}

/// What is wrong with `value`, with the path to it.
pub fn validate(schema: &Value, value: &Value) -> std::result::Result<(), String> {
    at(schema, value, "arguments", 0)
}

fn at(schema: &Value, value: &Value, path: &str, depth: usize) -> std::result::Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("{path} is nested too deeply"));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|name| is(name, value)) {
        return Err(format!("{path} must be {}", types.join(" or ")));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Err(format!("{path} must be one of {}", Value::from(allowed.clone())));
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return Err(format!("{path} must be {}", schema["const"]));
    }
    match value {
        Value::Object(fields) => {
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !fields.contains_key(name) {
                    return Err(format!("{path}.{name} is required"));
                }
            }
            for (name, field) in fields {
                let inner = format!("{path}.{name}");
                match (schema["properties"].get(name), &schema["additionalProperties"]) {
                    (Some(known), _) => at(known, field, &inner, depth + 1)?,
                    (None, Value::Bool(false)) => return Err(format!("{inner} is not a known argument")),
                    (None, Value::Object(_)) => at(&schema["additionalProperties"], field, &inner, depth + 1)?,
                    (None, _) => {}
                }
            }
            Ok(())
        }
        Value::Array(items) => {
            bounds(schema, "minItems", "maxItems", items.len() as f64, path, "items")?;
            items.iter().enumerate().try_for_each(|(place, item)| at(&schema["items"], item, &format!("{path}[{place}]"), depth + 1))
        }
        Value::String(text) => bounds(schema, "minLength", "maxLength", text.chars().count() as f64, path, "characters"),
        Value::Number(number) => bounds(schema, "minimum", "maximum", number.as_f64().unwrap_or_default(), path, ""),
        _ => Ok(()),
    }
}

fn bounds(schema: &Value, least: &str, most: &str, size: f64, path: &str, unit: &str) -> std::result::Result<(), String> {
    let outside = |text: &str, bound: f64| Err(format!("{path} must be {text} {bound} {unit}").trim_end().to_owned());
    match (schema[least].as_f64(), schema[most].as_f64()) {
        (Some(bound), _) if size < bound => outside("at least", bound),
        (_, Some(bound)) if size > bound => outside("at most", bound),
        _ => Ok(()),
    }
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_are_held_to_their_schema() {
        let schema = json!({
            "type": "object", "required": ["order"], "additionalProperties": false,
            "properties": {"order": {"type": "string", "minLength": 3}, "count": {"type": "integer", "minimum": 1, "maximum": 9}, "how": {"enum": ["a", "b"]}, "tags": {"type": "array", "items": {"type": "string"}}},
        });
        assert!(check("parameters", &schema).is_ok() && check("parameters", &json!({"type": "string"})).is_err());
        let judge = |value| validate(&schema, &value);
        assert_eq!(judge(json!({"order": "A-17", "count": 2, "how": "a", "tags": ["x"]})), Ok(()));
        assert_eq!(judge(json!({})), Err("arguments.order is required".into()));
        assert_eq!(judge(json!({"order": 17})), Err("arguments.order must be string".into()));
        assert_eq!(judge(json!({"order": "A-17", "count": 10})), Err("arguments.count must be at most 9".into()));
        assert_eq!(judge(json!({"order": "A-17", "tags": ["x", 1]})), Err("arguments.tags[1] must be string".into()));
        assert_eq!(judge(json!({"order": "A-17", "evil": 1})), Err("arguments.evil is not a known argument".into()));
        assert!(judge(json!("A-17")).is_err() && judge(json!({"order": "A-17", "how": "c"})).is_err());
    }
}
