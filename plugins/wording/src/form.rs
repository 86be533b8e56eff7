//! Bodies of `application/x-www-form-urlencoded`.

/// A body of these fields. What an alert says is encoded, so it can name no secret that the egress would fill in.
pub fn encoded<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The fields of a body, in their order.
pub fn fields(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// The first field of this name.
pub fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// A value as it stands in a query.
pub fn in_query(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let body = encoded([("To", "+39 1"), ("Body", "50 % & {{secret:x}}")]);
        assert_eq!(body, "To=%2B39+1&Body=50+%25+%26+%7B%7Bsecret%3Ax%7D%7D");
        let fields = fields(body.as_bytes());
        assert_eq!(
            (field(&fields, "To"), field(&fields, "Body"), field(&fields, "From")),
            (Some("+39 1"), Some("50 % & {{secret:x}}"), None)
        );
    }
}
