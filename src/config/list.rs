//! A list as TOML has it, or as an environment variable is written: with commas.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{
    Deserializer,
    de::{Error, SeqAccess, Visitor},
};

pub(super) fn deserialize<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    deserializer.deserialize_any(List(PhantomData))
}

struct List<T>(PhantomData<T>);

impl<'de, T: FromStr<Err: fmt::Display>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list, or its entries with commas between them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
        text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(parse).collect()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element::<String>()? {
            list.push(parse(&entry)?);
        }
        Ok(list)
    }
}

fn parse<T: FromStr<Err: fmt::Display>, E: Error>(entry: &str) -> Result<T, E> {
    entry.parse().map_err(|error| E::custom(format!("`{entry}`: {error}")))
}

#[cfg(test)]
mod tests {
    use figment::{
        Figment,
        providers::{Format, Toml},
    };
    use ipnet::IpNet;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Settings {
        #[serde(deserialize_with = "super::deserialize")]
        networks: Vec<IpNet>,
    }

    fn read(text: &str) -> Result<Vec<String>, String> {
        let read: Result<Settings, _> = Figment::from(Toml::string(text)).extract();
        read.map(|settings| settings.networks.iter().map(ToString::to_string).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_comes_in_two_forms() {
        assert_eq!(read(r#"networks = ["10.0.0.0/8", "::1/128"]"#).unwrap(), ["10.0.0.0/8", "::1/128"]);
        assert_eq!(read(r#"networks = "10.0.0.0/8, ::1/128""#).unwrap(), ["10.0.0.0/8", "::1/128"]);
        assert_eq!(read(r#"networks = """#).unwrap(), [""; 0]);
        assert!(read(r#"networks = "ten""#).unwrap_err().contains("`ten`"));
        assert!(read("networks = 10").unwrap_err().contains("a list"));
    }
}
