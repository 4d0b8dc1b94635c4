//! Every store under one name each, on the servers that the environment names.

pub mod stores;
