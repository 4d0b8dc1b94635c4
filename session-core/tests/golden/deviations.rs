//! Every vector from which this library departs, and why.

/// A vector from which this library departs on purpose.
pub struct Deviation {
    pub file: &'static str,
    /// Text that stands in this vector and in no other of the file.
    pub vector: &'static str,
    pub reason: &'static str,
}

pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        file: "verify",
        vector: r#""why":"first of two: bad first""#,
        reason: "a bad first cookie does not hide a good second one (expressjs/session issue 881)",
    },
    Deviation {
        file: "verify",
        vector: r#""why":"first of two: unsigned first""#,
        reason: "an unsigned first cookie does not hide a good second one (expressjs/session issue 881)",
    },
    Deviation {
        file: "verify",
        vector: r#""why":"first of two: empty first""#,
        reason: "an empty first cookie does not hide a good second one (expressjs/session issue 881)",
    },
    Deviation {
        file: "set_cookie",
        vector: r#""url":"/administrator""#,
        reason: "a path matches by whole segments, as browsers match it, so /admin does not cover /administrator",
    },
    Deviation {
        file: "set_cookie",
        vector: r#""cookie":{"domain":""}"#,
        reason: "an empty domain does not build: it is left unset instead",
    },
    Deviation {
        file: "set_cookie",
        vector: r#""cookie":{"priority":"urgent"}"#,
        reason: "the priority is an enum, so an unknown one cannot be written down at all",
    },
    Deviation {
        file: "set_cookie",
        vector: r#""cookie":{"sameSite":"bogus"}"#,
        reason: "SameSite is an enum, so an unknown one cannot be written down at all",
    },
    Deviation {
        file: "set_cookie",
        vector: r#""cookie":{"maxAge":-5000}"#,
        reason: "a life is a Duration, which is not negative: a session is ended with destroy",
    },
    Deviation {
        file: "set_cookie",
        vector: r#""cookie":{"maxAge":253402300800000}"#,
        reason: "a date beyond the year 9999, which no HTTP date can name, is cut to the last moment of that year",
    },
    Deviation {
        file: "modification",
        vector: r#""after":"{\"b\":2,\"a\":1}""#,
        reason: "the order of the keys is no datum: the same values in another order are no change",
    },
    Deviation {
        file: "records",
        vector: r#""cookie":{"secure":false}"#,
        reason: "secure is false unless set, so an explicit false is written as absent, which Node reads alike",
    },
    Deviation {
        file: "records",
        vector: r#""cookie":{"sameSite":true}"#,
        reason: "SameSite is an enum: `true` is written as the `strict` that it stands for",
    },
    Deviation {
        file: "records",
        vector: r#""cookie":{"sameSite":false}"#,
        reason: "SameSite is unset unless set, so an explicit false is written as absent, which Node reads alike",
    },
];
