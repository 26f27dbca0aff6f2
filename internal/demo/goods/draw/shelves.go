package draw

var shelves []Drawing
