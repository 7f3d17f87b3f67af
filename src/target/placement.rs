//! The SQL of a **placement**: how rows get into the target.

use crate::domain::{Placement, TableName, quote_identifier};

impl Placement {
    /// The COPY statement that takes the encoded rows of one file.
    pub fn copy_statement<'a>(
        self,
        table: &TableName,
        columns: impl Iterator<Item = &'a str>,
    ) -> String {
        let columns: Vec<String> = columns.map(quote_identifier).collect();
        let (table, columns) = (table.quoted(), columns.join(", "));
        match self {
            Self::Append => {
                format!("COPY {table} ({columns}) FROM STDIN WITH (FORMAT text, ENCODING 'UTF8')")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_and_quoted() {
        let table: TableName = "people".parse().expect("a name");
        let columns = ["id", "Click ID"].into_iter();
        assert_eq!(
            Placement::Append.copy_statement(&table, columns),
            "COPY \"public\".\"people\" (\"id\", \"Click ID\") FROM STDIN WITH (FORMAT text, \
             ENCODING 'UTF8')"
        );
    }
}
