CREATE INDEX fulfilment_parcel_order ON fulfilment_parcel (order_id, id);
