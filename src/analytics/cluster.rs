//! Questions by meaning: each joins the nearest group whose middle is near enough, else begins one (leader clustering, with
//! running centroids). One pass, no number of groups to guess, and the same every time.

use crate::embed::Scale;

/// From which cosine on two questions count as the same, on the scale of the model inside: paraphrases of one question lie above,
/// neighbouring topics below.
const NEAR: f32 = 0.72;

pub struct Group {
    /// The sum of the members' unit vectors.
    sum: Vec<f32>,
    pub members: Vec<usize>,
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

/// The groups of these unit vectors, the largest first. `scale` is that of the model that made them.
pub fn groups(vectors: &[Vec<f32>], scale: Scale) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (place, vector) in vectors.iter().enumerate() {
        let nearest = groups
            .iter_mut()
            .map(|group| {
                let length = dot(&group.sum, &group.sum).sqrt().max(f32::EPSILON);
                (dot(&group.sum, vector) / length, group)
            })
            .max_by(|left, right| left.0.total_cmp(&right.0));
        match nearest {
            Some((cosine, group)) if scale.apply(cosine) >= NEAR => {
                group.sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
                group.members.push(place);
            }
            _ => groups.push(Group { sum: vector.clone(), members: vec![place] }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.members.len()));
    groups
}

impl Group {
    /// The member nearest to the middle.
    pub fn middle(&self, vectors: &[Vec<f32>]) -> usize {
        let nearest = self.members.iter().copied().max_by(|left, right| dot(&self.sum, &vectors[*left]).total_cmp(&dot(&self.sum, &vectors[*right])));
        nearest.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_one_group() {
        let unit = |angle: f32| vec![angle.cos(), angle.sin()];
        let vectors = vec![unit(0.0), unit(0.1), unit(1.5), unit(0.2), unit(1.6)];
        // With a model that crowds its cosines together, what is .995 here is far.
        assert_eq!(groups(&vectors, Scale { related: 0.999, unrelated: 0.99 }).len(), 5);
        let groups = groups(&vectors, Scale::default());
        assert_eq!(groups.iter().map(|group| group.members.clone()).collect::<Vec<_>>(), [vec![0, 1, 3], vec![2, 4]]);
        assert_eq!(groups[0].middle(&vectors), 1);
    }
}
