namespace city;

entity Readings {
  key station : String(20);
  key at      : Timestamp;
  rain        : Decimal(9, 3);
  quality     : String(10);
}
