-- The reward that came with a trajectory, for those that came before there was a column for it.

UPDATE trajectories SET score =
  (SELECT score_in(data) FROM bodies WHERE trajectory = trajectories.pk AND revision = 0)
  WHERE score IS NULL;
