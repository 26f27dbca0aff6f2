-- Returns under way, newest first.
CREATE INDEX returns_return_live ON returns_return (id) WHERE state IN ('registered','received','accepted','partly');
