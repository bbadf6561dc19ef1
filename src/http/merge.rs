//! A nested object in a PATCH: what it names is changed, the rest stays (RFC 7396, JSON Merge Patch).

use std::{borrow::Cow, marker::PhantomData};

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::error::{Error, Result};

/// A partial `T`; in the OpenAPI document it is a `T` of which every field may be left out, at any depth.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Merge<T>(Value, #[serde(skip)] PhantomData<T>);

impl<T: Serialize + DeserializeOwned> Merge<T> {
    /// The same after `f` has put other forms of what may be sent into the one that is kept.
    #[must_use]
    pub fn in_one_form(mut self, f: impl FnOnce(&mut Value)) -> Self {
        f(&mut self.0);
        self
    }

    /// Lays the change over `value`. `field` names it in an error.
    pub fn over(self, field: &str, value: &T) -> Result<T> {
        if !self.0.is_object() {
            return Err(Error::invalid(field, "must be an object"));
        }
        let mut whole = serde_json::to_value(value)?;
        lay(&mut whole, self.0);
        serde_path_to_error::deserialize(whole).map_err(|error| {
            let path = error.path().to_string();
            Error::invalid(format!("{field}.{path}").trim_end_matches('.'), format!("is not valid: {}", error.inner()))
        })
    }
}

fn lay(target: &mut Value, change: Value) {
    match (target, change) {
        (Value::Object(target), Value::Object(change)) => {
            for (key, value) in change {
                if value.is_null() {
                    target.remove(&key);
                } else {
                    lay(target.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (target, change) => *target = change,
    }
}

impl<T: Type> Type for Merge<T> {
    const IS_REQUIRED: bool = T::IS_REQUIRED;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        change_of(&T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
        register_change(registry, &T::name());
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

/// The name of the schema that changes the one of this name.
fn change_of(name: &str) -> String {
    format!("{name}Change")
}

/// Describes a change of an object that is described already, and those of the objects inside it.
fn register_change(registry: &mut Registry, whole: &str) {
    let name = change_of(whole);
    let Some(mut change) = registry.schemas.get(whole).filter(|_| !registry.schemas.contains_key(&name)).cloned() else { return };
    // Stands here already while its fields are looked at, should it hold itself.
    registry.schemas.insert(name.clone(), MetaSchema::new("object"));
    change.required.clear();
    change.title = Some(name.clone());
    for (_, field) in &mut change.properties {
        if let MetaSchemaRef::Reference(inner) = field
            && registry.schemas.get(inner).is_some_and(|schema| !schema.properties.is_empty())
        {
            register_change(registry, inner);
            *field = MetaSchemaRef::Reference(change_of(inner));
        }
    }
    registry.schemas.insert(name, change);
}

impl<T: Type> ParseFromJSON for Merge<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        Ok(Merge(value.unwrap_or_default(), PhantomData))
    }
}

impl<T: Type> ToJSON for Merge<T> {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.clone())
    }
}
