//! **Words** in the names of columns that say what the values are: codes, whose digits are not a number, and
//! personal data.

/// Parts of the names of columns whose digits are a code and not a number.
const CODES: &str = "phone telephone tel fax zip postcode postal plz code sku ean isbn masked";
/// Parts of the names of columns that hold personal data.
const PERSONAL: &str = "email mail phone telephone tel mobile fax fname lname firstname lastname \
    surname forename fullname username address street suburb postcode postal zip plz ip cc card iban \
    birth birthday birthdate dob ssn passport password passwd pwd secret token cvv cvc pin \
    vorname nachname familienname anschrift adresse strasse hausnummer telefon handy mobil \
    geburtstag geburtsdatum kontonummer ausweis";
/// Parts with which a column that ends in `name` holds the names of persons.
const PERSONS: &str = "first last full middle maiden given family customer client user contact billing \
    shipping delivery holder cardholder recipient patient employee member owner person student";

/// Whether the digits in a column of this name are a code and not a number.
pub(super) fn is_code(name: &str) -> bool {
    has_part(name, CODES)
}

/// Whether a column of this name holds personal data.
pub(super) fn is_personal(name: &str) -> bool {
    let is_of_person = name == "name" || name.ends_with("_name") && has_part(name, PERSONS);
    (has_part(name, PERSONAL) || is_of_person) && !name.starts_with("is_")
}

fn has_part(name: &str, parts: &str) -> bool {
    name.split('_').any(|part| parts.split_whitespace().any(|other| other == part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_personal_data_are_known() {
        for name in ["email_address", "billing_fname", "customer_name", "name", "dob", "user_ip"] {
            assert!(is_personal(name), "{name}");
        }
        for name in ["product_name", "is_email", "descriptor", "account", "campaign_name"] {
            assert!(!is_personal(name), "{name}");
        }
    }
}
