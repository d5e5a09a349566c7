namespace GlanceGateway.Registry.Tests;

// Which tests run on which database: all that say what a registry is run on both.

public sealed class ImagesOnSqlite() : ImageTests(new SqliteHome());

public sealed class ImagesOnPostgres() : ImageTests(new PostgresHome());

public sealed class LeasesOnSqlite() : LeaseTests(new SqliteHome());

public sealed class LeasesOnPostgres() : LeaseTests(new PostgresHome());

public sealed class ChangesOnSqlite() : ChangeTests(new SqliteHome());

public sealed class ChangesOnPostgres() : ChangeTests(new PostgresHome());

public sealed class UnitsOfWorkOnSqlite() : UnitOfWorkTests(new SqliteHome());

public sealed class UnitsOfWorkOnPostgres() : UnitOfWorkTests(new PostgresHome());

public sealed class ListFiltersOnSqlite(SharedSqliteHome home) : ListFilterTests(home), IClassFixture<SharedSqliteHome>;

public sealed class ListFiltersOnPostgres(SharedPostgresHome home) : ListFilterTests(home), IClassFixture<SharedPostgresHome>;

public sealed class ListPagingOnSqlite() : ListPagingTests(new SqliteHome());

public sealed class ListPagingOnPostgres() : ListPagingTests(new PostgresHome());

public sealed class ListVisibilityOnSqlite(SharedSqliteHome home) : ListVisibilityTests(home), IClassFixture<SharedSqliteHome>;

public sealed class ListVisibilityOnPostgres(SharedPostgresHome home) : ListVisibilityTests(home), IClassFixture<SharedPostgresHome>;

public sealed class SharedListsOnSqlite() : SharedListTests(new SqliteHome());

public sealed class SharedListsOnPostgres() : SharedListTests(new PostgresHome());

public sealed class ListTimeoutsOnSqlite() : ListTimeoutTests(new SqliteHome());

public sealed class ListTimeoutsOnPostgres() : ListTimeoutTests(new PostgresHome());

public sealed class TasksOnSqlite() : TaskTests(new SqliteHome());

public sealed class TasksOnPostgres() : TaskTests(new PostgresHome());

public sealed class UsageOnSqlite() : UsageTests(new SqliteHome())
{
    [Fact]
    public async Task Usage_is_summed_up_from_its_index_alone() =>
        Assert.Contains("USING COVERING INDEX images_by_project_usage", await PlanAsync("EXPLAIN QUERY PLAN"), StringComparison.Ordinal);
}

public sealed class UsageOnPostgres() : UsageTests(new PostgresHome());

public sealed class PlacesOnSqlite() : PlaceTests(new SqliteHome());

public sealed class PlacesOnPostgres() : PlaceTests(new PostgresHome());

public sealed class MetadefsOnSqlite() : MetadefTests(new SqliteHome());

public sealed class MetadefsOnPostgres() : MetadefTests(new PostgresHome());
