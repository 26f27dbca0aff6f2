package draw

var paper []Drawing
