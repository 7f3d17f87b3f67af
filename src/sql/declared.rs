//! The columns that a `CREATE TABLE` **declares**, found by its tokens alone. PostgreSQL knows more clauses than the
//! parser; the server checks them when it creates the table.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Word};

use super::contract::ContractColumn;

/// A table as its declaration names it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Declared {
    /// The parts of its name, as Postgres folds them.
    pub name: Vec<String>,
    /// Its columns, in order, without those that `LIKE` copies from another table.
    pub columns: Vec<ContractColumn>,
}

/// Splits a text into its statements, each as its tokens without white space and comments.
pub(super) fn statements(tokens: &[Token]) -> Vec<Vec<Token>> {
    let significant = tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_)));
    let mut statements = vec![Vec::new()];
    for token in significant.cloned() {
        match token {
            Token::SemiColon => statements.push(Vec::new()),
            Token::EOF => {}
            token => statements.last_mut().into_iter().for_each(|last| last.push(token.clone())),
        }
    }
    statements.retain(|statement| !statement.is_empty());
    statements
}

/// Returns the table that the tokens of a `CREATE TABLE` declare; `None` if they are something else.
pub(super) fn table(tokens: &[Token]) -> Option<Declared> {
    let create = tokens.iter().position(|token| is(token, Keyword::TABLE))?;
    if create > 2 || !is(tokens.first()?, Keyword::CREATE) {
        return None;
    }
    let mut rest = &tokens[create + 1..];
    if rest.len() > 3 && is(&rest[0], Keyword::IF) {
        rest = &rest[3..];
    }
    let open = rest.iter().position(|token| *token == Token::LParen)?;
    let name = rest[..open].iter().filter_map(word).map(folded).collect();
    let columns = items(&rest[open + 1..])?.into_iter().filter_map(column).collect();
    Some(Declared { name, columns })
}

/// Returns the names of the tables that a statement's foreign keys refer to, each in its parts.
pub(super) fn references(tokens: &[Token]) -> Vec<Vec<String>> {
    tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| is(token, Keyword::REFERENCES))
        .map(|(index, _)| dotted_name(&tokens[index + 1..]))
        .collect()
}

/// Returns the parts of the name with which the tokens begin.
fn dotted_name(tokens: &[Token]) -> Vec<String> {
    let mut parts = Vec::new();
    for part in tokens.chunks(2) {
        let Some(word) = word(&part[0]) else { break };
        parts.push(folded(word));
        if part.get(1) != Some(&Token::Period) {
            break;
        }
    }
    parts
}

/// Splits a list at its commas, up to the parenthesis that ends it; `None` if nothing ends it.
fn items(tokens: &[Token]) -> Option<Vec<&[Token]>> {
    let (mut items, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen if depth == 0 => {
                items.push(&tokens[start..index]);
                return Some(items);
            }
            Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            Token::Comma if depth == 0 => {
                items.push(&tokens[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    None
}

/// The words that begin a constraint of the whole table.
const TABLE_RULES: [Keyword; 7] = [
    Keyword::CONSTRAINT,
    Keyword::PRIMARY,
    Keyword::UNIQUE,
    Keyword::CHECK,
    Keyword::FOREIGN,
    Keyword::EXCLUDE,
    Keyword::LIKE,
];

/// The words that may follow the type of a column.
const COLUMN_RULES: [Keyword; 12] = [
    Keyword::NOT,
    Keyword::NULL,
    Keyword::DEFAULT,
    Keyword::CONSTRAINT,
    Keyword::PRIMARY,
    Keyword::UNIQUE,
    Keyword::CHECK,
    Keyword::REFERENCES,
    Keyword::GENERATED,
    Keyword::COLLATE,
    Keyword::STORAGE,
    Keyword::COMPRESSION,
];

fn column(item: &[Token]) -> Option<ContractColumn> {
    let (first, rest) = item.split_first()?;
    if TABLE_RULES.iter().any(|rule| is(first, *rule)) {
        return None;
    }
    let name = folded(word(first)?);
    let end = rest.iter().position(|token| COLUMN_RULES.iter().any(|rule| is(token, *rule)));
    let (data_type, rules) = rest.split_at(end.unwrap_or(rest.len()));
    let is_primary = rules.iter().any(|token| is(token, Keyword::PRIMARY));
    let is_not_null =
        rules.windows(2).any(|pair| is(&pair[0], Keyword::NOT) && is(&pair[1], Keyword::NULL));
    let data_type = type_text(data_type);
    Some(ContractColumn { name, data_type, nullable: !is_primary && !is_not_null })
}

/// Writes a type as it stands in the file, in lower case.
fn type_text(tokens: &[Token]) -> String {
    let mut text = String::new();
    for token in tokens {
        let is_word = matches!(token, Token::Word(_));
        if is_word && text.ends_with(|c: char| c.is_alphanumeric() || c == ')') {
            text.push(' ');
        }
        text.push_str(&token.to_string().to_lowercase());
    }
    text
}

fn word(token: &Token) -> Option<&Word> {
    match token {
        Token::Word(word) => Some(word),
        _ => None,
    }
}

fn is(token: &Token, keyword: Keyword) -> bool {
    word(token).is_some_and(|word| word.quote_style.is_none() && word.keyword == keyword)
}

/// Returns a word as Postgres sees it: in lower case unless it is quoted.
fn folded(word: &Word) -> String {
    match word.quote_style {
        Some(_) => word.value.clone(),
        None => word.value.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::*;

    #[test]
    fn columns_are_found_whatever_clauses_stand_around_them() {
        let text = "CREATE UNLOGGED TABLE IF NOT EXISTS shop.\"Order\" (\n\
                    LIKE base INCLUDING ALL, -- a comment, with a comma\n\
                    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n\
                    \"Click ID\" varchar(10) STORAGE EXTENDED NOT NULL,\n\
                    price numeric(12, 2) DEFAULT round(1.5, 2),\n\
                    during tstzrange, tags text[],\n\
                    EXCLUDE USING gist (during WITH &&));\n\
                    CREATE INDEX ON shop.\"Order\" (price);";
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize().expect("tokens");
        let statements = statements(&tokens);
        assert_eq!(statements.len(), 2);
        let found = table(&statements[0]).expect("a table");
        assert_eq!(found.name, ["shop", "Order"]);
        let columns: Vec<String> = found
            .columns
            .iter()
            .map(|column| format!("{} {} {}", column.name, column.data_type, column.nullable))
            .collect();
        assert_eq!(
            columns,
            [
                "id bigint false",
                "Click ID varchar(10) false",
                "price numeric(12,2) true",
                "during tstzrange true",
                "tags text[] true",
            ]
        );
        assert_eq!(table(&statements[1]), None);
    }

    #[test]
    fn foreign_keys_are_found_with_the_columns_and_behind_them() {
        let text = "CREATE TABLE line (order_id bigint REFERENCES shop.\"Order\" (id), item bigint \
                    REFERENCES item ON DELETE CASCADE, FOREIGN KEY (a, b) REFERENCES Other)";
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize().expect("tokens");
        let found = references(&statements(&tokens)[0]);
        let expected: [&[&str]; 3] = [&["shop", "Order"], &["item"], &["other"]];
        assert_eq!(found, expected);
    }
}
