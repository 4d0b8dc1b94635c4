//! Reading and writing a session's data.

use super::*;

impl State {
    /// The value of `key`, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Deserialize`] if it is not a `T`; [`Error::Ended`] after `destroy` or `unset`.
    pub fn get<T: DeserializeOwned>(&self, key: impl AsKey<T>) -> Result<Option<T>, Error> {
        self.alive()?;
        let key = key.as_key();
        self.values.get(key).map(|value| read(key, value)).transpose()
    }

    /// Gives `key` a value. Putting in what is there already changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Serialize`] if the value does not become JSON, [`Error::ReservedKey`] for a key of the record layout,
    /// [`Error::Ended`] after `destroy` or `unset`.
    pub fn insert<T: Serialize>(&mut self, key: impl AsKey<T>, value: T) -> Result<(), Error> {
        self.alive()?;
        let key = key.as_key();
        self.writable(key)?;
        let value = write(key, &value)?;
        let before = self.values.set(key, value);
        self.delta.note(key, before, Op::Set);
        Ok(())
    }

    /// Computes a value from the one that is there (or from `None`), and returns it.
    ///
    /// If another request changed the session meanwhile, `change` runs again on the newer value when the session is saved:
    /// a counter loses no count. It must therefore have no other effect.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get) and [`insert`](Self::insert).
    pub fn update<T, F>(&mut self, key: impl AsKey<T>, mut change: F) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned,
        F: FnMut(Option<T>) -> T + Send + 'static,
    {
        self.alive()?;
        let key = key.as_key();
        self.writable(key)?;
        let owned = key.to_owned();
        let mut rerun = move |value: Option<&RawValue>| {
            let value = value.map(|value| read(&owned, value)).transpose()?;
            write(&owned, &change(value))
        };
        let value = rerun(self.values.get(key))?;
        let result = read(key, &value)?;
        let before = self.values.set(key, value);
        self.delta.note(key, before, Op::Update(vec![Box::new(rerun)]));
        Ok(result)
    }

    /// Takes a value out and returns it.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get). A value that is not a `T` stays where it is.
    pub fn take<T: DeserializeOwned>(&mut self, key: impl AsKey<T>) -> Result<Option<T>, Error> {
        self.alive()?;
        let key = key.as_key();
        let value = self.values.get(key).map(|value| read(key, value)).transpose()?;
        self.forget(key);
        Ok(value)
    }

    /// Removes a value, of whatever type; answers whether there was one.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] after `destroy` or `unset`.
    pub fn remove(&mut self, key: &str) -> Result<bool, Error> {
        self.alive()?;
        Ok(self.forget(key))
    }

    fn forget(&mut self, key: &str) -> bool {
        let before = self.values.remove(key);
        let was_there = before.is_some();
        if was_there {
            self.delta.note(key, before, Op::Remove);
        }
        was_there
    }

    /// Removes all data, also what other requests put in meanwhile. The id stays.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] after `destroy` or `unset`.
    pub fn clear(&mut self) -> Result<(), Error> {
        self.alive()?;
        let keys: Vec<String> = self.keys().map(str::to_owned).collect();
        for key in keys {
            self.forget(&key);
        }
        self.delta.cleared = true;
        Ok(())
    }

    /// Whether `key` has a value.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.values.get(key).is_some()
    }

    /// The keys, in the order they were put in.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(key, _)| key)
    }

    /// Whether the session holds no data.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All data as one struct, whose fields are the keys. Keys that it has no field for are passed over.
    ///
    /// # Errors
    ///
    /// [`Error::Deserialize`] if the data is not a `T`.
    pub fn read_all<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.alive()?;
        let members: Vec<String> = self.values.iter().map(|(key, value)| member(key, value)).collect();
        serde_json::from_str(&format!("{{{}}}", members.join(",")))
            .map_err(|_| Error::Deserialize { key: "(all)".to_owned() })
    }

    /// Writes a struct's fields as keys; only those that differ count as changed. Keys it has no field for stay.
    ///
    /// # Errors
    ///
    /// [`Error::Serialize`] if the value does not become a JSON object; as [`insert`](Self::insert) for its keys.
    pub fn write_all<T: Serialize>(&mut self, all: &T) -> Result<(), Error> {
        let whole = write("(all)", all)?;
        let object: std::collections::BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(whole.get()).map_err(|_| Error::Serialize { key: "(all)".to_owned() })?;
        for (key, value) in object {
            if self.values.get(&key).map(RawValue::get) != Some(value.get()) {
                self.insert(&key, value)?;
            }
        }
        Ok(())
    }

    fn writable(&self, key: &str) -> Result<(), Error> {
        let reserved = key == COOKIE_KEY
            || key == FACTS_KEY
            // A Node server would drop what has the name of a method of its session.
            || (self.policy.0.settings.express && NODE_NAMES.contains(&key));
        if reserved { Err(Error::ReservedKey { key: key.to_owned() }) } else { Ok(()) }
    }
}

/// The names on the prototype chain of express-session's session: it loses data kept under them.
const NODE_NAMES: [&str; 20] = [
    "id",
    "req",
    "save",
    "touch",
    "reload",
    "destroy",
    "regenerate",
    "resetMaxAge",
    "constructor",
    "toString",
    "toLocaleString",
    "valueOf",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "__proto__",
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
];

fn member(key: &str, value: &RawValue) -> String {
    format!("{}:{}", serde_json::Value::from(key), value.get())
}

fn read<T: DeserializeOwned>(key: &str, value: &RawValue) -> Result<T, Error> {
    serde_json::from_str(value.get()).map_err(|_| Error::Deserialize { key: key.to_owned() })
}

fn write<T: Serialize>(key: &str, value: &T) -> Result<Box<RawValue>, Error> {
    to_raw_value(value).map_err(|_| Error::Serialize { key: key.to_owned() })
}
