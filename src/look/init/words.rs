//! **Words** in the names of columns that say what the values are: codes, whose digits are no number, and what
//! speaks of persons.

/// Parts of the names of columns whose digits are no number.
const CODES: &str = "phone telephone tel fax zip postcode postal plz code sku ean isbn masked";
/// Parts of the names of columns that speak of persons.
const PERSONAL: &str = "email mail phone telephone tel mobile fax fname lname firstname lastname \
    surname forename fullname username address street suburb postcode postal zip plz ip cc card iban \
    birth birthday birthdate dob ssn passport password passwd pwd secret token cvv cvc pin \
    vorname nachname familienname anschrift adresse strasse hausnummer telefon handy mobil \
    geburtstag geburtsdatum kontonummer ausweis";
/// Parts that make the name of a person of what ends in `name`.
const PERSONS: &str = "first last full middle maiden given family customer client user contact billing \
    shipping delivery holder cardholder recipient patient employee member owner person student";

/// Whether the digits of a column so named are no number.
pub fn is_code(name: &str) -> bool {
    has_part(name, CODES)
}

/// Whether a column so named speaks of persons.
pub fn is_personal(name: &str) -> bool {
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
    fn names_that_speak_of_persons_are_known() {
        for name in ["email_address", "billing_fname", "customer_name", "name", "dob", "user_ip"] {
            assert!(is_personal(name), "{name}");
        }
        for name in ["product_name", "is_email", "descriptor", "account", "campaign_name"] {
            assert!(!is_personal(name), "{name}");
        }
    }
}
