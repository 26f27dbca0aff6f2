package draw

var bath []Drawing
