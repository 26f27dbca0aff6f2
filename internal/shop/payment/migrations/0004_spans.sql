CREATE INDEX payment_bankstatement_to ON payment_bankstatement (to_on);
