namespace GlanceGateway.Fuse;

/// <summary>What an unmount did.</summary>
public enum UnmountOutcome
{
    /// <summary>The mount is gone; the device ends at once.</summary>
    Unmounted,

    /// <summary>The mount was busy and is gone from the tree of names only; open files work until they are closed.</summary>
    Detached,

    /// <summary>Somebody else had unmounted it.</summary>
    AlreadyGone,

    /// <summary>The system refused; the mount is still there.</summary>
    Failed,
}
