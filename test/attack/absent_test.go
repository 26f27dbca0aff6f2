package attack

// absent holds the cases whose feature the shop does not have yet, each with what is
// missing. A case leaves this list in the same change that brings the feature.
var absent = map[string]string{}
