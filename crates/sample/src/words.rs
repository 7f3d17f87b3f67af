//! The **words** that invented people, addresses and products are made of.
//!
//! All of it is clearly synthetic: surnames and streets that say so, mail hosts that are reserved for examples
//! (RFC 2606), and the card numbers that card networks publish for tests.

/// A town with its state and the first three digits of its postcodes.
#[derive(Debug)]
pub(super) struct Town {
    pub(super) city: &'static str,
    pub(super) state: &'static str,
    pub(super) postcode: &'static str,
}

/// A product as the shop lists it.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) name: &'static str,
    pub(super) sku: &'static str,
    pub(super) category: &'static str,
    pub(super) description: &'static str,
    pub(super) cents: u64,
}

/// A way to ship, with its price.
#[derive(Debug)]
pub(super) struct Shipping {
    pub(super) method: &'static str,
    pub(super) description: &'static str,
    pub(super) group: &'static str,
    pub(super) code: &'static str,
    pub(super) cents: u64,
}

pub(super) const FIRST_NAMES: [&str; 24] = [
    "Ada", "Alan", "Barbara", "Carlos", "Dana", "Edith", "Felix", "Grace", "Hector", "Ingrid",
    "Jamal", "Kiran", "Linus", "Maria", "Niklaus", "Olga", "Priya", "Quentin", "Rosa", "Sven",
    "Tatiana", "Ursula", "Victor", "Wei",
];

pub(super) const LAST_NAMES: [&str; 20] = [
    "Sample",
    "Testerson",
    "Exampleton",
    "Mockford",
    "Placeholder",
    "Demoski",
    "Fakington",
    "Dummyworth",
    "Fixture",
    "O'Specimen",
    "Stubbs-Test",
    "Synthetic",
    "Pretend",
    "Trialby",
    "Nonesuch",
    "Madeup",
    "Invented",
    "Fictional",
    "Standin",
    "Template",
];

pub(super) const STREETS: [&str; 12] = [
    "Sample Street",
    "Example Avenue",
    "Test Boulevard",
    "Placeholder Lane",
    "Mock Road",
    "Fixture Court",
    "N Demo Drive",
    "Specimen Way",
    "Old Template Pike",
    "Stub Circle",
    "Pretend Parkway",
    "SW Synthetic Terrace",
];

pub(super) const HOSTS: [&str; 3] = ["example.com", "example.org", "example.net"];

/// Some cities have their state after a comma, so that they must be quoted in CSV.
pub(super) const TOWNS: [Town; 24] = [
    town("Springfield", "IL", "627"),
    town("Portland", "OR", "972"),
    town("Boston", "MA", "021"),
    town("Austin", "TX", "787"),
    town("Los Angeles", "CA", "900"),
    town("Phoenix", "AZ", "850"),
    town("Washington, DC", "DC", "200"),
    town("San Antonio", "TX", "782"),
    town("Newark", "NJ", "071"),
    town("Jacksonville", "FL", "322"),
    town("Columbus", "OH", "432"),
    town("Charlotte", "NC", "282"),
    town("St. Paul", "MN", "551"),
    town("Denver", "CO", "802"),
    town("Nashville", "TN", "372"),
    town("Oklahoma City", "OK", "731"),
    town("Providence", "RI", "029"),
    town("Las Vegas", "NV", "891"),
    town("Albuquerque", "NM", "871"),
    town("Fort Wayne", "IN", "468"),
    town("Minneapolis", "MN", "554"),
    town("Winston-Salem", "NC", "271"),
    town("Coeur d'Alene", "ID", "838"),
    town("Salt Lake City", "UT", "841"),
];

pub(super) const PRODUCTS: [Product; 12] = [
    product("Sample Serum 30 ml", "SMP-SER-30", "Skin Care", "Facial serum, one bottle", 4995),
    product("Sample Serum 3-pack", "SMP-SER-90", "Skin Care", "Facial serum, three bottles", 9500),
    product("Demo Vitamin D3", "DMO-VD3-60", "Supplements", "60 softgels of vitamin D3", 1999),
    product("Demo Omega Complex", "DMO-OMG-120", "Supplements", "120 softgels of fish oil", 2950),
    product("Test Sleep Gummies", "TST-SLP-45", "Supplements", "45 gummies for the night", 3900),
    product("Example Yoga Mat", "EXM-YGA-01", "Fitness", "Mat, 72\" x 24\", non-slip", 4200),
    product("Example Kettlebell", "EXM-KTL-16", "Fitness", "Cast iron kettlebell, 16 kg", 6475),
    product("Mock Trial Kit", "MCK-TRL-01", "Trials", "Fourteen-day trial kit", 495),
    product("Mock Refill Plan", "MCK-RFL-12", "Subscriptions", "Monthly refill of the kit", 8997),
    product("Fixture E-Book", "FIX-EBK-01", "Digital", "The \"Thirty Days\" guide as PDF", 1000),
    product("Placeholder Insurance", "PLC-INS-01", "Services", "Shipping insurance", 325),
    product("Specimen Coffee Blend", "SPC-COF-12", "Grocery", "Ground coffee in a 12 oz bag", 1850),
];

pub(super) const SHIPPINGS: [Shipping; 4] = [
    shipping("Standard", "Standard Shipping 5-7 days", "Ground", "GRD", 695),
    shipping("Priority", "Priority Shipping 2-3 days", "Air", "AIR", 995),
    shipping("Free Shipping", "Free Shipping over 75 USD", "Ground", "GRD", 0),
    shipping("Digital", "Digital delivery", "None", "NA", 0),
];

pub(super) const CREATORS: [&str; 4] = ["API User", "Customer Portal", "API User", "Recurring"];

/// Masked forms of the networks' published test cards.
pub(super) const CARDS: [&str; 4] =
    ["411111******1111", "555555******4444", "378282*****0005", "601111******1117"];

pub(super) const DECLINE_REASONS: [&str; 5] = [
    "Insufficient funds",
    "Do Not Honor",
    "Pick up card, SF",
    "Invalid account number",
    "Issuer Declined MCC",
];

pub(super) const AFFILIATES: [&str; 6] =
    ["AFF1001", "AFF1002", "TESTNET", "DEMO-MAIL", "SOCIAL", ""];

pub(super) const NOTES: [&str; 5] = [
    "Asked for \"express\" delivery",
    "Left a message, will call back",
    "Address checked by phone",
    "Customer wants an invoice; sent",
    "Said \"cancel\", then kept it",
];

const fn town(city: &'static str, state: &'static str, postcode: &'static str) -> Town {
    Town { city, state, postcode }
}

const fn product(
    name: &'static str,
    sku: &'static str,
    category: &'static str,
    description: &'static str,
    cents: u64,
) -> Product {
    Product { name, sku, category, description, cents }
}

const fn shipping(
    method: &'static str,
    description: &'static str,
    group: &'static str,
    code: &'static str,
    cents: u64,
) -> Shipping {
    Shipping { method, description, group, code, cents }
}
