-- A mark of each unit of work, with which a gateway whose connection broke inside the COMMIT finds out whether it was committed: a server that crashed
-- gives the id of a transaction that it lost to another one. Ordered by time; marks of more than an hour are removed.
CREATE TABLE unit_marks (unit UUID PRIMARY KEY);
