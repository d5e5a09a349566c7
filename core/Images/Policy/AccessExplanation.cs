namespace GlanceGateway.Images;

/// <summary>Why a caller may do something, or may not.</summary>
/// <param name="Refusal">The refusal that a request would get; null when it is allowed.</param>
/// <param name="Reason">What decided, as a sentence without its full stop.</param>
/// <param name="Sight">Why the caller's project sees the image or does not, whatever the rules say; null when there is no image.</param>
/// <param name="Rules">The rules that were asked, in this order; the last one decided unless the image is out of sight.</param>
public sealed record AccessExplanation(ImageError? Refusal, string Reason, string? Sight, IReadOnlyList<RuleExplanation> Rules);

/// <summary>What a rule said.</summary>
/// <param name="Rule">Its name.</param>
/// <param name="Check">Its text.</param>
/// <param name="IsOperators">Whether the operator wrote it; else it is a default.</param>
/// <param name="Holds">Its outcome.</param>
/// <param name="Checks">The checks in it and in the rules that it refers to, in the order of the text.</param>
public sealed record RuleExplanation(string Rule, string Check, bool IsOperators, bool Holds, IReadOnlyList<CheckExplanation> Checks);

/// <summary>What one check said.</summary>
/// <param name="Rule">The rule that it is part of.</param>
/// <param name="Check">Its text.</param>
/// <param name="Holds">Its outcome; a <c>not</c> before it turns that around.</param>
/// <param name="Because">The values that it compared.</param>
public sealed record CheckExplanation(string Rule, string Check, bool Holds, string Because);
