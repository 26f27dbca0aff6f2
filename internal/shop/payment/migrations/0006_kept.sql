CREATE INDEX payment_bankline_told ON payment_bankline (booked_on, id) WHERE details IS NOT NULL;
